"""The widget on pages as customers build them: headers that clip, other languages, people who sign out, servers that are down."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.pages import dress, wide, wrong
from tests.e2e.shop import Bell, Device
from tests.test_readme import snippet

pytestmark = pytest.mark.browser
HEADER = (
    "<style nonce=shop>body{margin:0;min-height:200vh}header{position:sticky;top:0;overflow:hidden;backdrop-filter:blur(8px);"
    "z-index:1;padding:8px 16px;display:flex;justify-content:space-between}"
    "main{position:relative;z-index:9;background:Canvas}</style>"
)
WITHIN = """node => {
    for (const one of node.getAnimations()) one.finish();
    const { left, top, right, bottom } = node.getBoundingClientRect();
    const seen = [top + 4, bottom - 4].every(y => {
        const at = node.getRootNode().elementFromPoint((left + right) / 2, y);
        return at && node.contains(at);
    });
    return seen && left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
}"""
WORDS = (
    '{title:"Benachrichtigungen",readAll:"Alle als gelesen markieren",archive:"Archivierte",close:"Schließen",'
    'bell:"Benachrichtigungen, {count} ungelesen",unreadMark:"Ungelesen"}'
)


@pytest.fixture
def running(bell: Bell) -> Iterator[Bell]:
    with bell.start():
        yield bell


@pytest.fixture
def visit(chromium: Any, running: Bell) -> Iterator[Callable[..., Device]]:
    """visit(page, width): a device on the shop's page with this HTML. At the end nothing may have failed or broken the policy."""
    devices: list[Device] = []
    trouble: list[str] = []

    def go(html: str, width: int = 800, wait: bool = True) -> Device:
        path = f"/{len(running.shop.pages)}"
        running.shop.pages[path] = html
        devices.append(Device(chromium, running.shop.url.rstrip("/") + path, trouble, width, wait))
        return devices[-1]

    yield go
    for device in devices:
        device.context.close()
    assert trouble == []


@pytest.mark.parametrize("width", [1000, 360])
def test_list_and_toast_lie_above_whatever_the_page_does(running: Bell, visit: Callable[..., Device], width: int) -> None:
    html = f"{HEADER}<header><b>Shop</b>{running.shop.widget}</header><main><h1>Orders</h1></main>{running.shop.script}"
    device = visit(f'<html lang="en"><title>Shop</title><meta name=viewport content="width=device-width">{html}', width)

    running.send("Hello")
    toast = device.widget.locator("[part=toast]")
    toast.get_by_text("Hello", exact=True).wait_for()
    assert toast.evaluate(WITHIN)
    device.bell.click()
    device.shows("Hello")
    assert toast.is_hidden()
    assert device.panel.evaluate(WITHIN)
    for scheme in ("light", "dark"):
        dress(device.page, scheme)
        assert wrong(device.page) == []
    assert not wide(device.page)
    device.widget.get_by_role("button", name="Close").click()
    assert device.panel.is_hidden()
    device.bell.click()
    if width > 520:
        device.page.get_by_role("heading", name="Orders").click()
        assert device.panel.is_hidden()


def test_a_bell_at_the_foot_of_a_page_opens_upwards(running: Bell, visit: Callable[..., Device]) -> None:
    style = "<style nonce=shop>carillon-inbox{position:fixed;bottom:8px;left:8px}</style>"
    device = visit(f'<html lang="en"><title>Shop</title>{style}{running.shop.widget}{running.shop.script}')
    running.send(*"abcdefghij")
    device.badge(10)
    device.bell.click()
    device.shows(*"jihgfedcba")
    assert device.panel.evaluate(WITHIN)


@pytest.mark.parametrize("when", ["before the file is there", "later"])
def test_other_words_other_scripts(running: Bell, visit: Callable[..., Device], when: str) -> None:
    change = f'const one = document.querySelector("carillon-inbox"); one.strings = {WORDS};'
    words = f"<script nonce=shop>{change}</script>" if when != "later" else ""
    device = visit(
        f'<html lang="de_DE"><title>Laden</title><meta name=viewport content="width=device-width">{running.shop.widget}'
        f"{running.shop.script}{words}", 360,
    )
    if when == "later":
        device.page.evaluate(f"() => {{ {change}; one.restart() }}")
        device.state("online")
    running.send("بالنجاح", "Paid")
    device.widget.get_by_role("button", name="Benachrichtigungen, 2 ungelesen", exact=True).click()
    device.shows("Paid", "بالنجاح")

    close = device.widget.get_by_role("button", name="Schließen")
    assert close.evaluate(WITHIN)  # long words push it nowhere
    heads = device.titles.evaluate_all("all => all.map(one => getComputedStyle(one).direction)")
    assert heads == ["ltr", "rtl"]
    assert "Sekunde" in device.row("Paid").locator("time").inner_text() or "jetzt" in device.row("Paid").inner_text()


def test_who_signs_out_takes_the_messages_along(running: Bell, visit: Callable[..., Device]) -> None:
    widget = f'<carillon-inbox server="{running.url}"></carillon-inbox>'
    device = visit(f'<html lang="en"><title>Shop</title>{widget}{running.shop.script}', wait=False)
    running.send("For Maya")
    running.send("For Ben", to="ben")
    device.bell.wait_for()
    assert device.widget.evaluate("one => one.client.state") == "connecting"  # nobody yet: no complaint either
    for who, title in (("maya", "For Maya"), ("ben", "For Ben")):
        device.widget.evaluate("(one, token) => one.setAttribute('token', token)", running.token(who))
        device.state("online")
        device.widget.evaluate("one => one.toggle(true)")
        device.shows(title)
    device.widget.evaluate("one => one.removeAttribute('token')")
    device.widget.evaluate("one => one.toggle(true)")
    device.shows()
    assert device.widget.locator("[part=badge]").is_hidden()


def test_a_token_address_that_is_down_for_a_while_closes_no_inbox(running: Bell, visit: Callable[..., Device]) -> None:
    running.shop.status = 503
    page = f'<html lang="en"><title>Shop</title>{running.shop.widget}{running.shop.script}'
    device = visit(page, wait=False)
    device.state("reconnecting")
    for _ in range(6):  # more often than a refusal is borne
        device.page.clock.run_for(40_000)
        device.page.wait_for_timeout(150)
    assert device.widget.evaluate("one => one.client.state") == "reconnecting"
    running.shop.status = 200
    device.page.clock.run_for(40_000)
    device.state("online")


def test_nothing_is_called_empty_that_was_not_looked_at(running: Bell, visit: Callable[..., Device]) -> None:
    widget = f'<carillon-inbox server="{running.url}" token="nonsense"></carillon-inbox>'
    device = visit(f'<html lang="en"><title>Shop</title>{widget}{running.shop.script}', wait=False)
    device.state("refused")
    device.bell.click()
    assert "malformed" in device.panel.inner_text()
    assert device.widget.locator("[part=empty]").is_hidden()
    device.widget.evaluate("(one, token) => one.setAttribute('token', token)", running.token("maya"))
    device.bell.click()
    device.widget.get_by_text("Nothing here yet").wait_for()


def test_what_nobody_has_seen_is_not_marked(running: Bell, visit: Callable[..., Device]) -> None:
    device = visit(f'<html lang="en"><title>Shop</title>{running.shop.widget}{running.shop.script}')
    running.send("Seen")
    device.badge(1)
    device.bell.click()
    device.context.set_offline(True)
    device.state("offline")
    device.widget.get_by_role("button", name="Mark all read").click()
    device.badge_gone()
    running.send("Not seen")
    device.context.set_offline(False)
    device.shows("Not seen", "Seen")
    device.badge(1)
    assert device.row("Not seen").get_by_text("Unread").count() == 1


def test_a_flood_leaves_a_list_of_a_page_and_the_rest_behind_a_button(running: Bell, visit: Callable[..., Device]) -> None:
    device = visit(f'<html lang="en"><title>Shop</title>{running.shop.widget}{running.shop.script}')
    device.bell.click()
    for start in range(0, 300, 50):
        running.send(*(str(number) for number in range(start, start + 50)))
    device.widget.get_by_role("button", name="Notifications, 300 unread", exact=True).wait_for()
    device.shows(*(str(number) for number in range(299, 99, -1)))
    for _ in range(4):
        device.widget.get_by_role("button", name="Show older").click()
        device.page.wait_for_timeout(300)
    device.shows(*(str(number) for number in range(299, -1, -1)))
    assert device.widget.get_by_role("button", name="Show older").is_hidden()


def test_a_slow_clock_tells_no_future(running: Bell, visit: Callable[..., Device]) -> None:
    device = visit(f'<html lang="en"><title>Shop</title>{running.shop.widget}{running.shop.script}')
    device.page.evaluate("() => { Date.now = () => 0 }")
    running.send("Hello")
    device.badge(1)
    device.bell.click()
    device.shows("Hello")
    assert device.row("Hello").locator("time").inner_text() == "now"


def test_the_readmes_widget_and_its_client_work_as_they_stand(running: Bell, visit: Callable[..., Device]) -> None:
    script = f'<script type="module" nonce="shop">{snippet("js", "InboxClient")}</script>'
    page = f'<html lang="en"><title>Shop</title>{snippet("html", "<carillon-inbox")}{script}'
    device = visit(page.replace("https://bell.example.org", running.url))
    device.page.wait_for_function("() => document.title === '(0)'")
    running.send("Hello")
    device.page.wait_for_function("() => document.title === '(0) Hello'")  # it came, and was read at once
    device.badge_gone()
