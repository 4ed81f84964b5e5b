"""A WebSocket that is read by the thread which serves it. The library's own takes one more for each connection."""

from collections.abc import Callable
from typing import Any

import simple_websocket  # type: ignore[import-untyped]
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from wsproto.events import BytesMessage, TextMessage
from wsproto.utilities import LocalProtocolError

LARGEST_MESSAGE = 64 * 1024  # bytes


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
        if not self.connected:
            raise simple_websocket.ConnectionClosed(self.close_reason, self.close_message)
        self.sock.sendall(self.ws.send(BytesMessage(data) if isinstance(data, bytes) else TextMessage(data)))

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
        self.ws = _OneThread(environ, max_message_size=LARGEST_MESSAGE, thread_class=_NoThread, event_class=_NoEvent)
        self.ws.ws.handshake = _Done()  # 2 kB that nobody looks at any more
        ended = self.app(self)
        if self.ws.mode == "gunicorn":
            raise StopIteration
        if self.ws.mode == "werkzeug":
            raise ConnectionError
        return ended
