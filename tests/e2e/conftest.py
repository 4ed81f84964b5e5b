"""A real Chromium against `carillon up --demo`, and a record of everything the browser objected to."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.peers.program import Program

CHROMIUM = os.environ.get("CARILLON_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-dev-shm-usage",
)
EMAIL, PASSWORD = "asha@example.org", "correct horse battery"
# Reports what the policy refuses before any script of the page runs.
WATCH = """document.addEventListener('securitypolicyviolation',
    event => console.error('CSP', event.violatedDirective, event.blockedURI))"""


@dataclass
class Record:
    """What the browser complained of, and which other hosts were asked."""

    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running installation with the demo's data."""
    folder = tmp_path_factory.mktemp("e2e")
    with Program(folder, "up", "--demo", "--port", "0", admin_email=EMAIL, admin_password=PASSWORD) as program:
        yield program.url()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """One browser for these tests, and gone with them: its driver keeps an event loop running. Skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None or not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: install one, or name it in CARILLON_TEST_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def session(chromium: Any, url: str) -> Any:
    """The cookies of an operator who signed in by hand."""
    context = chromium.new_context(locale="en-GB", timezone_id="Asia/Kathmandu")
    page = context.new_page()
    page.goto(f"{url}/admin/templates/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/templates/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(chromium: Any, session: Any, url: str) -> Iterator[Callable[..., Any]]:
    """open_page(width): a signed-in page. At the end nothing may have broken the policy, failed, or asked another host."""
    record, contexts = Record(), []

    def open_(width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, base_url=url, storage_state=session, locale="en-GB",
            timezone_id="Asia/Kathmandu", **options,
        )
        contexts.append(context)
        context.add_init_script(WATCH)
        context.on("console", lambda message: _note(record, message))
        context.on("weberror", lambda error: record.errors.append(str(error.error)))
        context.on("request", lambda request: request.url.startswith((url, "data:")) or record.strangers.append(request.url))
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()
    assert record == Record()


def _note(record: Record, message: Any) -> None:
    refused = any(code in message.text for code in ("409", "422"))  # a form that was refused is an answer, not a fault
    if message.type == "error" and not refused:
        (record.violations if "CSP" in message.text or "Content Security" in message.text else record.errors).append(message.text)
