"""The pings of all connections from one thread. engine.io starts one for each connection, which does nothing but wait."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from engineio.packet import PING, Packet
from engineio.socket import Socket
from socketio import Server

LOOK = 1.0  # seconds between two looks at whose turn it is


class Pings:
    """Who is to be pinged, in the order of their turns: all wait equally long, so who asks last has the last turn."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._turns: deque[tuple[float, Socket]] = deque()

    def __len__(self) -> int:
        return len(self._turns)

    def ask(self, socket: Socket) -> None:
        """Ping this connection when its time has come."""
        self._turns.append((time.monotonic() + self._interval, socket))

    def give(self) -> None:
        """Ping those whose turn it is. What ended meanwhile is forgotten."""
        now = time.monotonic()
        while self._turns and self._turns[0][0] <= now:
            _, socket = self._turns.popleft()
            if not socket.closing and not socket.closed:
                socket.last_ping = time.time()
                socket.send(Packet(PING))


def gather(server: Server, interval: float) -> Pings:
    """Let one thread of `server` ping all connections. It starts with the first of them, which is after any fork."""
    pings, guard = Pings(interval), threading.Lock()
    start: Callable[..., Any] = server.eio.start_background_task
    running: list[Any] = []

    def run() -> None:
        while True:
            server.sleep(LOOK)
            pings.give()

    def start_or_ask(target: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(target, "__func__", None) is not Socket._send_ping:
            return start(target, *args, **kwargs)
        pings.ask(target.__self__)
        with guard:
            if not running:
                running.append(start(run))
        return running[0]

    server.eio.start_background_task = start_or_ask
    return pings
