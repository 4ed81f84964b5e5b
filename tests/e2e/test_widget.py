"""The inbox widget on a customer's page, of another origin and under a strict policy, on two devices of one person."""

import hashlib
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tasks.extensions import db
from tests.e2e.shop import Device
from tests.peers.inbox_rows import messages

STATIC = Path(__file__).resolve().parents[2] / "static"
PAYLOADS = (
    "<script>window.__x=1</script>", "<img src=x onerror=window.__x=1>", "<svg onload=window.__x=1>",
    "<svg><script>window.__x=1", "'\"><img src=x onerror=window.__x=1>", "</textarea><script>window.__x=1</script>",
    "<iframe srcdoc='<script>parent.__x=1'>", "<a href=javascript:window.__x=1>click</a>", "javascript:window.__x=1",
    "<body onload=window.__x=1>", "<details open ontoggle=window.__x=1>", "<style onload=window.__x=1></style>",
    "<math><mtext><img src=x onerror=window.__x=1>", "<template><img src=x onerror=window.__x=1></template>",
    "</title><script>window.__x=1</script>", "&lt;script&gt;window.__x=1", "<input autofocus onfocus=window.__x=1>",
    "<object data=javascript:window.__x=1>", "<base href=//evil.example/>", "${window.__x=1}",
)


MADE = {
    "inbox.js": ("client.js", "parts.js", "list.js", "widget.css", "widget.js"),
    "inbox-client.js": ("client.js",),
}


@pytest.mark.parametrize("name", MADE)
def test_what_a_page_loads_is_small_of_these_sources_and_takes_data_for_text_only(name: str) -> None:
    served = (STATIC / name).read_bytes()
    sources = [(STATIC / "inbox" / source).read_bytes() for source in MADE[name]]

    assert len(served) < 15_000  # all that the widget loads beside the Socket.IO client
    assert re.findall(rb'(?:from|import)\s*\(?"([^"]+)"', served) == [b"./vendor/socket.io.min.js"]
    named = re.match(rb"// static/inbox/ sha256 (\w+)\n", served)
    assert named, "it has no banner: run the build"
    made_of = hashlib.sha256(b"".join(sources)).hexdigest().encode()
    assert named[1] == made_of, "the sources have changed: npm ci && npm run build in static/inbox"
    banned = rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|\.style\b"
    for code in (served, *sources):
        assert not re.search(banned, re.sub(rb"^\s*//.*$", b"", code, flags=re.M))


def count_unread() -> int:
    with db.engine.connect() as connection:
        query = "SELECT count(*) FROM notifications WHERE read_at IS NULL AND archived_at IS NULL AND deleted_at IS NULL"
        return int(connection.execute(text(query)).scalar_one())


@pytest.mark.browser
def test_two_devices_of_one_person(chromium: Any, bell: Any) -> None:
    start, shop, send, maya = bell.start, bell.shop.url, bell.send, bell.maya
    trouble: list[str] = []
    with ExitStack() as running:
        running.enter_context(start())
        one, two = Device(chromium, shop, trouble), Device(chromium, shop, trouble)

        # It arrives on both, as text, whatever it is.
        send("Hello")
        for device in (one, two):
            device.badge(1)
            assert "Hello" in device.widget.locator("[part=toast]").inner_text()
        send(*PAYLOADS)
        one.badge(1 + len(PAYLOADS))
        one.bell.focus()
        one.page.keyboard.press("Enter")
        one.shows(*reversed(PAYLOADS), "Hello")
        assert one.panel.get_attribute("aria-label") == "Notifications"
        assert [device.page.evaluate("window.__x") for device in (one, two)] == [None, None]

        # What one does, the other shows.
        one.row("Hello").get_by_role("button", name="Mark as read").click()
        two.badge(len(PAYLOADS))
        two.bell.click()
        two.row("Hello").get_by_role("button", name="Mark as unread").click()
        one.badge(1 + len(PAYLOADS))
        one.widget.get_by_role("button", name="Mark all read").click()
        two.badge(0)
        two.row("Hello").get_by_role("button", name="Archive").click()
        one.shows(*reversed(PAYLOADS))
        one.widget.get_by_role("button", name="Archive", exact=True).first.click()
        one.shows("Hello")
        one.row("Hello").get_by_role("button", name="Move back").click()
        two.shows(*reversed(PAYLOADS), "Hello")
        one.widget.get_by_role("button", name="Inbox", exact=True).click()

        # By keyboard: down the list, away with one, and out; the focus never falls out of the list, and ends where it began.
        one.shows(*reversed(PAYLOADS), "Hello")
        one.widget.locator("[part=item-open]").first.focus()
        for key in ("ArrowDown", "End", "Home", "Delete"):
            one.page.keyboard.press(key)
        two.shows(*reversed(PAYLOADS[:-1]), "Hello")
        assert one.widget.evaluate("it => it.shadowRoot.activeElement.className") == "open"
        one.page.keyboard.press("Escape")
        assert one.panel.is_hidden()
        assert one.widget.evaluate("it => it.shadowRoot.activeElement.className") == "bell"

        # Away and back: the gap comes, and is announced as one. What was done meanwhile is done then.
        two.context.set_offline(True)
        two.state("offline")
        assert "offline" in two.widget.locator("[part=state]").inner_text()
        two.row("Hello").get_by_role("button", name="Delete").click()
        send("While away")
        one.badge(1)
        two.context.set_offline(False)
        two.shows("While away", *reversed(PAYLOADS[:-1]))
        one.badge(1)
        two.badge(1)

        # The server goes away and comes back.
        running.close()
        one.state("reconnecting")
        messages([maya] * 2, "In between")
        running.enter_context(start())
        for device in (one, two):
            device.state("online")
            device.badge(3)
            device.context.close()
        assert count_unread() == 3
    assert trouble == []
