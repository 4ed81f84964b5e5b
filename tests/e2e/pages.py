"""Every page of the dashboard, with an address that shows something in the demo, and how to look at one with axe."""

from functools import cache
from pathlib import Path
from typing import Any

from tests.dashboard.admin.test_guard import NEEDS

try:
    from playwright.sync_api import Error as PlaywrightError
except ImportError:  # the tests that need it are skipped
    PlaywrightError = Exception  # type: ignore[assignment,misc]

# Reports what the policy refuses before any script of the page runs.
WATCH = """document.addEventListener('securitypolicyviolation',
    event => console.error('CSP', event.violatedDirective, event.blockedURI))"""
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
# Where number 1 or nothing is not what shows the most.
QUERIES = {"/admin/": "", "/admin/templates/versions/": "?id=1"} | {
    f"/admin/{page}/": "?id=1" for page in ("report", "proof", "finish", "resend")
}
MAIN = (
    "/admin/", "/admin/compose/", "/admin/broadcasts/details/?id=1", "/admin/templates/edit/?id=1", "/admin/rules/",
    "/admin/deliveries/details/?id=3",
)
SETTLED = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
    for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
    done();
})))"""
# Words of axe's own: https://dequeuniversity.com/rules/axe/
TAGS = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}  # all that other colours can change
WRONG = """async rules => (await axe.run(document, {runOnly: rules, resultTypes: ['violations']}))
    .violations.filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.id}: ${one.help}: ` + one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | '))"""


def addresses() -> list[str]:
    """All pages that answer a GET, with their queries."""
    return [path + QUERIES.get(path, "?id=1&number=1" if _of_one(path) else "") for path in NEEDS]


def _of_one(path: str) -> bool:
    return path.rstrip("/").rpartition("/")[2] not in {"new", path.split("/")[2]}


def is_page(answer: Any) -> bool:
    """True for a page of the dashboard: not for figures, files and the e-mails that are shown in a locked frame."""
    kind, policy = answer.headers.get("content-type", ""), answer.headers.get("content-security-policy", "")
    return answer.status == 200 and kind.startswith("text/html") and "sandbox" not in policy


def open_(page: Any, address: str) -> Any:
    """The answer to an address that the page was sent to; None where it is a file to keep."""
    try:
        return page.goto(address)
    except PlaywrightError as error:
        if "Download is starting" in error.message:
            return None
        raise


def dress(page: Any, scheme: str) -> None:
    """Show the page in light or dark, with no colour still on its way, and nothing dimmed because its answer is."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.locator("[aria-busy=true]").first.wait_for(state="detached")
    page.evaluate(SETTLED)


def wrong(page: Any, *, contrast_only: bool = False) -> list[str]:
    """What axe finds on the page that is serious or critical."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(_axe())
    found: list[str] = page.evaluate(WRONG, CONTRAST if contrast_only else TAGS)
    return found


def wide(page: Any) -> bool:
    """True where the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@cache
def _axe() -> str:
    return AXE.read_text()
