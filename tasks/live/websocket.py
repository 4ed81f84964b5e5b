"""A WebSocket that is read by the thread which serves it. The library's own takes one more for each connection."""

import os
import ssl
from collections.abc import Callable
from typing import Any

import simple_websocket  # type: ignore[import-untyped]
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from wsproto.utilities import LocalProtocolError

LARGEST_MESSAGE = 64 * 1024  # bytes
TEXT, BINARY, LAST = 0x1, 0x2, 0x80  # of a frame's first byte (RFC 6455, section 5.2)


def frame(data: str | bytes) -> bytes:
    """A message as a server writes it: one frame, unmasked (RFC 6455, section 5.1). The library takes 40 times as long."""
    body, kind = (data, BINARY) if isinstance(data, bytes) else (data.encode(), TEXT)
    size = len(body)
    if size < 126:
        return bytes((LAST | kind, size)) + body
    if size < 1 << 16:
        return bytes((LAST | kind, 126)) + size.to_bytes(2, "big") + body
    return bytes((LAST | kind, 127)) + size.to_bytes(8, "big") + body


class _NoThread:
    """In the place of the thread that would read ahead."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        """Nothing is started."""

    def start(self) -> None:
        """Nothing is started."""


class _NoEvent:
    """In the place of the event that says that something was read ahead."""

    def set(self) -> None:
        """Nobody waits for it."""


class _Done:
    """In the place of a handshake that is over."""

    def events(self) -> tuple[()]:
        """Nothing more comes of it."""
        return ()


class _OneThread(simple_websocket.Server):  # type: ignore[misc]
    """Reads when somebody asks for a message, and only then."""

    connected: bool

    def send(self, data: str | bytes) -> None:
        """Send a message whole, however large. Raises ConnectionClosed."""
        self.write(frame(data))

    def write(self, frames: bytes) -> None:
        """Send what is framed already. Raises ConnectionClosed."""
        if not self.connected:
            raise simple_websocket.ConnectionClosed(self.close_reason, self.close_message)
        self.sock.sendall(frames)

    def write_at_once(self, frames: bytes) -> int:
        """Send as much of it as the system takes without waiting. Returns how many bytes that was; for gevent's sockets only.

        Raises OSError, or ConnectionClosed.
        """
        if not self.connected:
            raise simple_websocket.ConnectionClosed(self.close_reason, self.close_message)
        if isinstance(self.sock, ssl.SSLSocket):
            return 0  # what goes past it would go out in the clear
        try:
            return os.write(self.sock.fileno(), frames)  # gevent's sockets never wait themselves
        except BlockingIOError:
            return 0

    def receive(self, timeout: float | None = None) -> str | bytes:
        """The next message. Raises ConnectionClosed at the end. `timeout` is not needed here: engine.io gives none."""
        while self.connected and not self.input_buffer:
            try:
                received = self.sock.recv(self.receive_bytes)
                if not received:
                    raise OSError
                self.ws.receive_data(received)
                self.connected = self._handle_events()
            except (OSError, LocalProtocolError):
                self.connected = False
        if self.input_buffer:
            message: str | bytes = self.input_buffer.pop(0)
            return message
        self.sock.close()
        raise simple_websocket.ConnectionClosed(self.close_reason, self.close_message)


class OneThreadWebSocket(SimpleWebSocketWSGI):  # type: ignore[misc]
    """What engine.io wants of a WebSocket. It stops reading a message that is too large; engine.io itself would have read it."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Serve the connection of a request, to its end."""
        # Browsers offer to compress, and the library would agree: 300 kB of tables for a connection that weighs 40.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        self.ws = _OneThread(environ, max_message_size=LARGEST_MESSAGE, thread_class=_NoThread, event_class=_NoEvent)
        self.ws.ws.handshake = _Done()  # 2 kB that nobody looks at any more
        ended = self.app(self)
        if self.ws.mode == "gunicorn":
            raise StopIteration
        if self.ws.mode == "werkzeug":
            raise ConnectionError
        return ended
