"""What goes out on a WebSocket under gevent: a greenlet only while there is something to write.

engine.io keeps one for each connection, which waits; each holds 16 kB for the frames of its Python code alone, and there are ten
thousand of them.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from socketio import Server

WRITER = "Socket._websocket_handler.<locals>.writer"  # engine.io's own


class Outgoing:
    """The packets of one connection, in order. It stands for engine.io's queue, and for the task that empties it."""

    def __init__(self, wire: Any, start: Callable[..., Any]) -> None:
        self._wire, self._start = wire, start
        self._packets: deque[Any] = deque()
        self._is_writing = self._has_ended = False
        self._at_rest: threading.Event | None = None  # gevent has patched it

    def put(self, packet: Any) -> None:
        """Write this packet after those before it; None: then close. After the end nothing is written any more."""
        if self._has_ended:
            return
        self._packets.append(packet)
        if not self._is_writing:
            self._is_writing = True
            self._start(self._write)

    def join(self, timeout: float | None = None) -> None:
        """Wait until all is written."""
        if self._is_writing:
            if self._at_rest is None:
                self._at_rest = threading.Event()
            self._at_rest.wait(timeout)

    def _write(self) -> None:
        try:
            while self._packets and not self._has_ended:
                packet = self._packets.popleft()
                if packet is None:
                    self._has_ended = True
                else:
                    self._wire.send(packet.encode())
        except Exception:  # the connection broke: who reads from it will notice, and say goodbye
            self._has_ended = True
        finally:
            if self._has_ended:
                self._packets.clear()
                self._close()
            self._is_writing = False
            if self._at_rest is not None:
                self._at_rest.set()
                self._at_rest = None

    def _close(self) -> None:
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
