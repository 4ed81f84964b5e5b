"""The other processes of this installation, and whether they can hear each other."""

import os
import socket
from dataclasses import dataclass

from sqlalchemy import select

from tasks.config import settings
from tasks.database import reading
from tasks.errors import ConfigurationError
from tasks.ledger import processes
from tasks.models import Process

SERVING = ("web", "embedded")  # kinds of processes that people's sockets are connected to
SENDING = ("worker", "embedded")  # kinds that carry out what is queued


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another process that is alive: its kind, host and pid."""

    kind: str
    host: str
    pid: int


def alive(kinds: tuple[str, ...]) -> list[Neighbour]:
    """The living processes of these kinds except this one, oldest first. The dead ones are marked as ended."""
    processes.dead_processes()
    with reading() as connection:
        rows = connection.execute(
            select(Process.kind, Process.host, Process.pid)
            .where(Process.kind.in_(kinds), Process.ended_at.is_(None))
            .order_by(Process.id)
        )
        found = [Neighbour(*row) for row in rows]
    return [other for other in found if (other.host, other.pid) != (socket.gethostname(), os.getpid())]


def refuse_deaf(kinds: tuple[str, ...]) -> None:
    """Raise ConfigurationError where processes of these `kinds` run and no message queue connects this one with them."""
    if settings().message_queue_url:
        return
    found = alive(kinds)
    if found:
        other = found[0]
        raise ConfigurationError(
            f"CARILLON_MESSAGE_QUEUE_URL is not set, and another process of this installation runs already ({other.kind}, pid "
            f"{other.pid} on {other.host}): live messages would not pass between the two.",
            field="CARILLON_MESSAGE_QUEUE_URL",
            remedy="Set it to redis://host:6379/0 for all of them, or stop the other one (one that crashed on another host is "
            "forgotten after a minute).",
        )
