"""What goes out on a WebSocket under gevent: a greenlet only while there is something to write.

engine.io keeps one for each connection, which waits; each holds 16 kB for the frames of its Python code alone, and there are ten
thousand of them.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import simple_websocket  # type: ignore[import-untyped]
from engineio.packet import Packet
from socketio import Server

from tasks.live.websocket import OneThreadWebSocket, frame

BROKEN = (OSError, simple_websocket.ConnectionClosed)
WRITER = "Socket._websocket_handler.<locals>.writer"  # engine.io's own


class Outgoing:
    """The packets of one connection, in order. It stands for engine.io's queue, and for the task that empties it.

    What the system takes at once is written by who brings it: a greenlet costs more than all the rest of a message's way.
    """

    def __init__(self, wire: OneThreadWebSocket, start: Callable[..., Any]) -> None:
        self._wire, self._start = wire, start
        self._waiting: deque[bytes | None] = deque()
        self._is_writing = self._has_ended = False
        self._at_rest: threading.Event | None = None  # gevent has patched it

    def put(self, packet: Packet | None) -> None:
        """Write this packet after those before it; None: then close. After the end nothing is written any more."""
        if self._has_ended:
            return
        written = None if packet is None else frame(packet.encode())
        if written is not None and not self._is_writing:
            written = self._at_once(written)
            if not written:
                return
        self._waiting.append(written)
        if not self._is_writing:
            self._is_writing = True
            self._start(self._write)

    def join(self, timeout: float | None = None) -> None:
        """Wait until all is written."""
        if self._is_writing:
            if self._at_rest is None:
                self._at_rest = threading.Event()
            self._at_rest.wait(timeout)

    def _at_once(self, written: bytes) -> bytes:
        """Write what goes without waiting. Returns the rest."""
        try:
            return written[self._wire.ws.write_at_once(written) :]
        except BROKEN:  # the connection broke: who reads from it will notice, and say goodbye
            self._end()
            return b""

    def _write(self) -> None:
        try:
            while self._waiting and not self._has_ended:
                written = self._waiting.popleft()
                if written is None:
                    self._end()
                else:
                    self._wire.ws.write(written)
        except BROKEN:  # as above
            self._end()
        finally:
            self._is_writing = False
            if self._at_rest is not None:
                self._at_rest.set()
                self._at_rest = None

    def _end(self) -> None:
        self._has_ended = True
        self._waiting.clear()
        with suppress(OSError):  # it may be closed already
            self._wire.close()


def spare(server: Server) -> None:
    """Let the WebSockets of `server`, which runs on gevent, do without a greenlet that waits to write."""
    start: Callable[..., Any] = server.eio.start_background_task

    def start_or_stand_in(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if getattr(target, "__qualname__", "") != WRITER:
            return start(target, *args, **kwargs)
        held = dict(zip(target.__code__.co_freevars, target.__closure__ or (), strict=True))
        socket, wire = held["self"].cell_contents, held["ws"].cell_contents
        outgoing, before = Outgoing(wire, start), socket.queue
        socket.queue = outgoing
        while not before.empty():  # what came while the connection still polled
            outgoing.put(before.get_nowait())
            before.task_done()
        return outgoing

    server.eio.start_background_task = start_or_stand_in
