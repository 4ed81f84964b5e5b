"""A user source on loopback: answers what a test puts into it and remembers what it was asked."""

import http.server
import threading
from collections.abc import Callable
from typing import Any

Answer = Callable[["UserSource.Handler"], None]


class UserSource(http.server.ThreadingHTTPServer):
    """`answer(handler)` writes each response; `asked` lists (path, headers) of every request."""

    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        """Hands each request to the server's answer."""

        server: "UserSource"

        def do_GET(self) -> None:
            self.server.asked.append((self.path, dict(self.headers)))
            self.server.answer(self)

        def log_message(self, *_args: Any) -> None:
            """Silence."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), self.Handler)

    def __enter__(self) -> "UserSource":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/users"


def send(handler: UserSource.Handler, body: bytes, status: int = 200, **headers: str) -> None:
    """Write one complete response."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
