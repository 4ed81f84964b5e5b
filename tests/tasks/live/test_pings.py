"""The pings of all connections, from one thread."""

from types import SimpleNamespace
from typing import Any

from engineio.packet import PING
from engineio.socket import Socket

from tasks.live import pings
from tasks.live.pings import Pings


class Server:
    """As much of a Socket.IO server as the pings need: what it was asked to start."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.ping_interval = 25
        self.eio = SimpleNamespace(start_background_task=self._start)

    def _start(self, target: Any, *_args: Any) -> str:
        self.started.append(target)
        return "task"


def _socket(server: Server) -> tuple[Socket, list[int]]:
    socket, sent = Socket(SimpleNamespace(create_queue=list, start_background_task=server.eio.start_background_task), "s"), []
    socket.send = lambda packet: sent.append(packet.packet_type)
    return socket, sent


def test_a_connection_is_pinged_when_its_time_has_come_and_not_before():
    server = Server()
    kept = pings.gather(server, 0.0)
    (one, sent), (other, others) = _socket(server), _socket(server)
    for socket in (one, other):
        socket.last_ping = 1.0
        socket.schedule_ping()
    assert len(server.started) == 1  # one task for both
    kept.give()
    assert (sent, others, len(kept)) == ([PING], [PING], 0)
    assert one.last_ping

    later = Pings(60.0)
    later.ask(one)
    later.give()
    assert (sent, len(later)) == ([PING], 1)


def test_what_has_ended_is_forgotten_and_other_tasks_start_as_ever():
    server = Server()
    kept = pings.gather(server, 0.0)
    socket, sent = _socket(server)
    socket.last_ping = 1.0
    socket.schedule_ping()
    socket.closed = True
    kept.give()
    assert (sent, len(kept)) == ([], 0)
    assert server.eio.start_background_task(print) == "task"
    assert server.started[-1] is print
