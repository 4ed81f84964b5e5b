"""What goes out under gevent: in order, whole, by one writer at a time, and nothing after the end."""

import inspect
from typing import Any, cast

import pytest
from engineio.packet import MESSAGE, Packet
from engineio.socket import Socket

from tasks.live.outgoing import WRITER, Outgoing
from tasks.live.websocket import OneThreadWebSocket, frame


class Wire:
    """A WebSocket whose system takes `room` bytes at once; what was written on it stands in `text`."""

    def __init__(self, *, room: int = 0, breaks: bool = False) -> None:
        self.text, self.closed, self.room, self.breaks = b"", 0, room, breaks
        self.ws = self

    def write(self, frames: bytes) -> None:
        if self.breaks:
            raise OSError("gone")
        self.text += frames

    def write_at_once(self, frames: bytes) -> int:
        taken = frames[: self.room]
        if taken:
            self.write(taken)
        self.room -= len(taken)
        return len(taken)

    def close(self) -> None:
        self.closed += 1


def _outgoing(wire: Wire) -> tuple[Outgoing, list[Any]]:
    started: list[Any] = []
    return Outgoing(cast(OneThreadWebSocket, wire), started.append), started


def _framed(*words: str) -> bytes:
    return b"".join(frame(f"4{word}") for word in words)


def test_what_the_system_takes_is_written_at_once_and_no_task_is_started():
    wire = Wire(room=1_000)
    outgoing, started = _outgoing(wire)
    for word in ("a", "b"):
        outgoing.put(Packet(MESSAGE, word))
    assert (wire.text, started) == (_framed("a", "b"), [])
    outgoing.join()  # nothing is waited for


@pytest.mark.parametrize("room", range(8))
def test_the_rest_goes_out_in_order_by_one_writer_that_ends_when_all_is_written(room):
    wire = Wire(room=room)
    outgoing, started = _outgoing(wire)
    for word in ("first", "b", "c"):
        outgoing.put(Packet(MESSAGE, word))
    assert (wire.text, len(started)) == (_framed("first")[:room], 1)
    wire.room = 1_000  # what comes while the writer waits does not overtake what waits
    outgoing.put(Packet(MESSAGE, "d"))
    started.pop()()
    assert (wire.text, wire.closed) == (_framed("first", "b", "c", "d"), 0)
    outgoing.put(Packet(MESSAGE, "e"))
    assert (wire.text, started) == (_framed("first", "b", "c", "d", "e"), [])


@pytest.mark.parametrize("room", [0, 1_000])
def test_none_closes_after_what_came_before_it_and_nothing_is_written_any_more(room):
    wire = Wire(room=room)
    outgoing, started = _outgoing(wire)
    outgoing.put(Packet(MESSAGE, "last"))
    outgoing.put(None)
    outgoing.put(Packet(MESSAGE, "late"))
    started.pop()()
    outgoing.put(Packet(MESSAGE, "later"))
    assert wire.text.startswith(_framed("last"))
    assert (b"later" in wire.text, wire.closed, started) == (False, 1, [])


@pytest.mark.parametrize("room", [0, 1_000])
def test_a_connection_that_breaks_is_closed_and_what_waits_for_it_dropped(room):
    wire = Wire(room=room, breaks=True)
    outgoing, started = _outgoing(wire)
    for word in ("a", "b", "c"):
        outgoing.put(Packet(MESSAGE, word))
    for task in started:
        task()
    outgoing.put(Packet(MESSAGE, "d"))
    assert (wire.text, wire.closed, len(started)) == (b"", 1, 0 if room else 1)


def test_engine_io_still_starts_its_writer_under_the_name_that_is_looked_for():
    handler = Socket._websocket_handler.__code__
    writers = [const for const in handler.co_consts if inspect.iscode(const) and const.co_qualname == WRITER]
    assert len(writers) == 1
    assert {"self", "ws"} <= set(writers[0].co_freevars)
