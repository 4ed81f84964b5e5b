"""What goes out under gevent: in order, whole, by one writer at a time, and nothing after the end."""

import inspect
from typing import Any

from engineio.packet import MESSAGE, Packet
from engineio.socket import Socket

from tasks.live.outgoing import WRITER, Outgoing


class Wire:
    """A WebSocket; what was sent on it stands in `sent`."""

    def __init__(self, *, breaks_at: int | None = None) -> None:
        self.sent: list[str] = []
        self.closed = 0
        self._breaks_at = breaks_at

    def send(self, text: str) -> None:
        if len(self.sent) == self._breaks_at:
            raise OSError("gone")
        self.sent.append(text)

    def close(self) -> None:
        self.closed += 1


def _outgoing(wire: Wire) -> tuple[Outgoing, list[Any]]:
    started: list[Any] = []
    return Outgoing(wire, started.append), started


def test_packets_go_out_in_order_by_one_writer_that_ends_when_all_is_written():
    wire = Wire()
    outgoing, started = _outgoing(wire)
    for number in range(3):
        outgoing.put(Packet(MESSAGE, str(number)))
    assert len(started) == 1
    started.pop()()
    assert wire.sent == ["40", "41", "42"]
    outgoing.put(Packet(MESSAGE, "3"))
    started.pop()()
    assert (wire.sent[-1], wire.closed) == ("43", 0)
    outgoing.join()  # nothing is waited for


def test_none_closes_after_what_came_before_it_and_nothing_is_written_any_more():
    wire = Wire()
    outgoing, started = _outgoing(wire)
    outgoing.put(Packet(MESSAGE, "last"))
    outgoing.put(None)
    outgoing.put(Packet(MESSAGE, "late"))
    started.pop()()
    outgoing.put(Packet(MESSAGE, "later"))
    assert (wire.sent, wire.closed, started) == (["4last"], 1, [])


def test_a_connection_that_breaks_is_closed_and_what_waits_for_it_dropped():
    wire = Wire(breaks_at=1)
    outgoing, started = _outgoing(wire)
    for word in ("a", "b", "c"):
        outgoing.put(Packet(MESSAGE, word))
    started.pop()()
    outgoing.put(Packet(MESSAGE, "d"))
    assert (wire.sent, wire.closed, started) == (["4a"], 1, [])


def test_engine_io_still_starts_its_writer_under_the_name_that_is_looked_for():
    handler = Socket._websocket_handler.__code__
    writers = [const for const in handler.co_consts if inspect.iscode(const) and const.co_qualname == WRITER]
    assert len(writers) == 1
    assert {"self", "ws"} <= set(writers[0].co_freevars)
