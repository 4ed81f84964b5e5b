"""A customer's own site with the widget on it, of another origin and under a strict policy, and the browsers that look at it."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.e2e.pages import WATCH
from tests.peers.live_server import gunicorn


class Customer:
    """A shop's own site: pages with the widget, and the address behind `token-url`."""

    def __init__(self, bell: str, token: Callable[[str], str]) -> None:
        talks = f"connect-src 'self' {bell} {bell.replace('http', 'ws')}"
        policy = f"default-src 'none'; script-src {bell} 'nonce-shop'; style-src 'nonce-shop'; {talks}"
        self.script = f'<script type="module" src="{bell}/static/inbox.js"></script>'
        self.widget = f'<carillon-inbox server="{bell}" token-url="/token"></carillon-inbox>'
        self.pages = {"/": f'<html lang="en"><title>Shop</title><h1>Shop</h1>{self.script}{self.widget}'}
        self.status = 200  # what the address behind `token-url` answers
        site = self

        class Site(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.path in {"/token", "/my/inbox-token/"}
                page = f"<!doctype html>{site.pages.get(self.path, '')}"
                kind, body = ("application/json", json.dumps({"token": token("maya")})) if asked else ("text/html", page)
                self.send_response(site.status if asked else 200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
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


@dataclass(frozen=True, slots=True)
class Bell:
    """A Carillon that a shop's pages use, and its key with which messages are sent."""

    url: str
    port: int
    key: str
    settings: dict[str, object]
    shop: Customer
    maya: int
    token: Callable[[str], str]

    def start(self) -> AbstractContextManager[str]:
        """The server on its port, until the end of the block."""
        return gunicorn(self.settings, port=self.port)

    def send(self, *titles: str, to: str = "maya") -> None:
        """A message with each of these titles."""
        body = {"template_name": "news", "recipients": [{"id": to, "data": {"title": title}} for title in titles]}
        requests.post(
            f"{self.url}/notify/bulk/", json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=20
        ).raise_for_status()


class Device:
    """A browser of Maya's, on the shop's page."""

    def __init__(self, chromium: Any, url: str, trouble: list[str], width: int = 800, wait: bool = True) -> None:
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: trouble.append(str(error)))
        self.page.on("console", lambda message: trouble.append(message.text) if "CSP" in message.text else None)
        if not wait:
            self.page.clock.install()  # its seconds pass when the test says so
        self.page.goto(url)
        self.widget = self.page.locator("carillon-inbox")
        self.bell, self.panel = self.widget.locator("[part=bell]"), self.widget.get_by_role("dialog")
        self.titles = self.widget.locator("[part=item-head]")
        if not wait:
            return
        self.state("online")
        self.widget.evaluate("one => one.client.socket.io.reconnectionDelay(50)")  # not to wait as long as people may

    def state(self, word: str) -> None:
        self.page.wait_for_function("word => document.querySelector('carillon-inbox').client?.state === word", arg=word)

    def badge(self, count: int) -> None:
        """The bell says so, to eyes and to ears."""
        self.widget.get_by_role("button", name=f"Notifications, {count} unread", exact=True).wait_for()
        assert self.widget.locator("[part=badge]").text_content() == str(count)

    def badge_gone(self) -> None:
        """The bell says that nothing is unread."""
        self.widget.get_by_role("button", name="Notifications, 0 unread", exact=True).wait_for()
        assert self.widget.locator("[part=badge]").is_hidden()

    def shows(self, *titles: str) -> None:
        """The list has these titles, in this order."""
        listed = (
            "wanted => { const at = document.querySelector('carillon-inbox').shadowRoot.querySelectorAll('[part=item-head]');"
            " return JSON.stringify([...at].map(one => one.lastChild.textContent)) === JSON.stringify(wanted) }"
        )
        self.page.wait_for_function(listed, arg=list(titles))

    def row(self, title: str) -> Any:
        return self.widget.locator("li", has_text=title)
