"""What the HTTP peers share: a threaded server over a real socket, with TLS if wanted, that can also answer badly."""

import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.peers.http2 import Http2


@dataclass(frozen=True)
class Reply:
    """One answer. `wait`: seconds before it; `drop`: end the connection instead of answering."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drop: bool = False


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class WebPeer:
    """The server, on threads. Subclasses write `answer`; every call is kept in `calls`."""

    http2 = False  # offered over TLS

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        if tls and self.http2:
            tls.set_alpn_protocols(["h2", "http/1.1"])
        self.calls: list[Call] = []
        self.connections = self.streams = 0  # the latter: connections of HTTP/2
        self.scheme = "https" if tls else "http"
        self._server = _Server(self, port, tls)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The server's address, without a path."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def answer(self, call: Call) -> Reply:
        """What to say to a request."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(10)

    def hang_up(self) -> None:
        """End every open connection."""
        self._server.hang_up()

    def serve(self) -> None:
        """Serve in this thread until it is interrupted."""
        self._server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, peer: WebPeer, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.peer = peer
        self.tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:  # the handshake itself happens in the connection's own thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
            self.peer.connections += 1
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls and self.peer.http2:
            request.do_handshake()
            if request.selected_alpn_protocol() == "h2":
                self.peer.streams += 1
                Http2(request, self._answer).serve()
                return
        super().finish_request(request, client_address)

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        call = Call(method, path, headers, body)
        self.peer.calls.append(call)
        return self.peer.answer(call)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # it was over already
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave in the middle are what these servers are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = Call(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.server.peer.calls.append(call)
        reply = self.server.peer.answer(call)
        time.sleep(reply.wait)
        if reply.drop:
            self.close_connection = True
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        # One write: two would wait for each other's acknowledgement.
        self._headers_buffer.append(b"\r\n" + content)
        self.flush_headers()

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
