"""A client that costs next to nothing: raw sockets kept open, one thread, requests made beforehand; and what the server spends.

The load of a benchmark shares the machine's cores with the server: a client of the standard library takes half of them. This one
takes about 30 us a request, so what it measures is the server.
"""

import os
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

ACCEPTED = (b"HTTP/1.1 200", b"HTTP/1.1 202")


class _Wire:
    """One connection: a request out, its answer in, and the milliseconds between."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._started, self._seen = 0.0, b""

    def ask(self, request: bytes) -> None:
        self._seen, self._started = b"", time.perf_counter()
        self.socket.sendall(request)

    def heard(self) -> tuple[float, bool] | None:
        """(milliseconds, accepted) once the answer is whole, else None. Raises ConnectionError where the server hung up."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed a connection")
        self._seen += data
        head, end, body = self._seen.partition(b"\r\n\r\n")
        if not end:
            return None
        at = head.lower().index(b"content-length:") + 15
        if len(body) < int(head[at:].split(b"\r\n", 1)[0]):
            return None
        return (time.perf_counter() - self._started) * 1_000, head.startswith(ACCEPTED)


def load(url: str, request: Callable[[int], bytes], seconds: float, connections: int) -> tuple[float, list[float], int]:
    """Requests a second, the milliseconds of each, errors: `request(n)` is the n-th one's bytes, with its headers."""
    parts = urlsplit(url)
    with selectors.DefaultSelector() as selector:
        wires = [_Wire(parts.hostname or "", parts.port or 80) for _ in range(connections)]
        number, errors, took = 0, 0, list[float]()
        began = time.monotonic()
        for wire in wires:
            selector.register(wire.socket, selectors.EVENT_READ, wire)
            wire.ask(request(number))
            number += 1
        left = connections
        while left:
            for key, _ in selector.select():
                answer = key.data.heard()
                if answer is None:
                    continue
                took.append(answer[0])
                errors += not answer[1]
                if time.monotonic() - began < seconds:
                    key.data.ask(request(number))
                    number += 1
                else:
                    left -= 1
                    selector.unregister(key.fileobj)
        ended = time.monotonic()
    for wire in wires:
        wire.socket.close()
    return len(took) / (ended - began), took, errors


def spent(root: int) -> float:
    """Seconds of the processor, of user and system, that a process and its children have used so far."""
    total, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return total
