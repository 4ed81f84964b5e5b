"""The inbox widget on a customer's page, of another origin and under a strict policy, on two devices of one person."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import text

from dashboard import keys, tokens
from tasks.extensions import db
from tests import factories
from tests.e2e.conftest import WATCH
from tests.peers.inbox_rows import messages
from tests.peers.live_server import free_port, gunicorn

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


MADE = {"inbox.js": ("client.js", "widget.css", "widget.js"), "inbox-client.js": ("client.js",)}


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


class Customer:
    """A shop's own site: one page with the widget, and the address behind `token-url`."""

    def __init__(self, bell: str, token: Callable[[], str]) -> None:
        policy = f"default-src 'none'; script-src {bell}; connect-src 'self' {bell} {bell.replace('http', 'ws')}"
        page = (
            f'<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>'
            f'<script type="module" src="{bell}/static/inbox.js"></script>'
            f'<carillon-inbox server="{bell}" token-url="/token"></carillon-inbox>'
        )

        class Site(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.path == "/token"
                kind, body = ("application/json", json.dumps({"token": token()})) if asked else ("text/html", page)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Device:
    """A browser of Maya's, on the shop's page."""

    def __init__(self, chromium: Any, url: str, trouble: list[str]) -> None:
        self.context = chromium.new_context(viewport={"width": 800, "height": 900}, locale="en-GB")
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: trouble.append(str(error)))
        self.page.on("console", lambda message: trouble.append(message.text) if "CSP" in message.text else None)
        self.page.goto(url)
        self.widget = self.page.locator("carillon-inbox")
        self.bell, self.panel = self.widget.locator("[part=bell]"), self.widget.get_by_role("dialog")
        self.titles = self.widget.locator("[part=item-head]")
        self.state("online")
        self.widget.evaluate("one => one.client.socket.io.reconnectionDelay(50)")  # not to wait as long as people may

    def state(self, word: str) -> None:
        self.page.wait_for_function("word => document.querySelector('carillon-inbox').client?.state === word", arg=word)

    def badge(self, count: int) -> None:
        """The bell says so, to eyes and to ears."""
        self.widget.get_by_role("button", name=f"Notifications, {count} unread", exact=True).wait_for()
        assert self.widget.locator("[part=badge]").text_content() == str(count)

    def shows(self, *titles: str) -> None:
        """The list has these titles, in this order."""
        listed = (
            "wanted => { const at = document.querySelector('carillon-inbox').shadowRoot.querySelectorAll('[part=item-head]');"
            " return JSON.stringify([...at].map(one => one.lastChild.textContent)) === JSON.stringify(wanted) }"
        )
        self.page.wait_for_function(listed, arg=list(titles))

    def row(self, title: str) -> Any:
        return self.widget.locator("li", has_text=title)


@pytest.fixture
def settings() -> dict[str, object]:
    return {}


@pytest.fixture
def bell(app: Flask) -> Iterator[Any]:
    """Starts the server on its port; the stack that it is on stops it."""
    port = free_port()
    key, plaintext = keys.create_key("shop", ["inbox", "send"], "test")
    factories.template("news", title="{{ title }}", message="About {{ title }}")
    maya = factories.person("maya").id
    db.session.commit()
    bell_url, config = f"http://127.0.0.1:{port}", app.extensions["carillon.settings"]
    customer = Customer(bell_url, lambda: _token(app, key))
    given = {
        "home": config.home, "secret_key": config.secret(), "allowed_origins": customer.url.rstrip("/"), "base_url": bell_url,
    }

    def send(*titles: str) -> None:
        body = {"template_name": "news", "recipients": [{"id": "maya", "data": {"title": title}} for title in titles]}
        requests.post(
            f"{bell_url}/notify/bulk/", json=body, headers={"Authorization": f"Bearer {plaintext}"}, timeout=10
        ).raise_for_status()

    yield lambda: gunicorn(given, port=port), customer.url, send, maya
    customer.close()


def _token(app: Flask, key: Any) -> str:
    with app.app_context():
        return tokens.issue(key, "maya", 600)[0]


def count_unread() -> int:
    with db.engine.connect() as connection:
        query = "SELECT count(*) FROM notifications WHERE read_at IS NULL AND archived_at IS NULL AND deleted_at IS NULL"
        return int(connection.execute(text(query)).scalar_one())


@pytest.mark.browser
def test_two_devices_of_one_person(chromium: Any, bell: Any) -> None:
    start, shop, send, maya = bell
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
