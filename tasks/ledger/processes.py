"""The processes of an installation: who is alive, so that a dead one's leases and live connections can be told apart.

On one host a dead pid, or another boot, frees a lease at once; across hosts a heartbeat decides.
"""

import os
import socket
import time
from functools import cache
from pathlib import Path

from flask import current_app
from sqlalchemy import insert, select, update

from tasks.database import reading, writing
from tasks.ledger.unchanged import Unchanged
from tasks.models import Process
from tasks.models.types import db_clock

HEARTBEAT = 15.0  # seconds between two signs of life
DEAD_AFTER = 60.0  # seconds of silence


def register(kind: str) -> int:
    """Write this process down as `kind` (web, embedded, worker, cli; python: any other program) and return its row's id."""
    with writing() as connection:
        row = {
            "kind": kind,
            "host": socket.gethostname(),
            "boot_id": _boot_id(),
            "pid": os.getpid(),
            "started_ticks": _started_ticks(os.getpid()),
            "started_at": db_clock(),
            "heartbeat_at": db_clock(),
        }
        found: int = connection.execute(insert(Process).values(row).returning(Process.id)).scalar_one()
    current_app.extensions["carillon.process"] = (os.getpid(), found, time.monotonic())
    return found


def current_process_id() -> int:
    """This process's row, registered on first use; also its sign of life where nothing else gives one."""
    pid, found, beaten = current_app.extensions.get("carillon.process", (0, 0, 0.0))
    if pid != os.getpid():  # never registered, or registered before a fork
        return register(current_app.extensions.get("carillon.kind", "python"))
    if time.monotonic() - beaten > HEARTBEAT:
        heartbeat()
    return int(found)


def heartbeat() -> None:
    """Say that this process is alive. One that others gave up meanwhile goes on under a new row: what it held is theirs."""
    pid, found, _ = current_app.extensions["carillon.process"]
    with writing() as connection:
        alive = connection.execute(
            update(Process).where(Process.id == found, Process.ended_at.is_(None)).values(heartbeat_at=db_clock())
        ).rowcount
    if alive:
        current_app.extensions["carillon.process"] = (pid, found, time.monotonic())
    else:
        register(current_app.extensions.get("carillon.kind", "python"))


def end() -> None:
    """Say goodbye: this process holds nothing any more."""
    pid, found, _ = current_app.extensions.pop("carillon.process", (0, 0, 0.0))
    if pid == os.getpid():
        with writing() as connection:
            connection.execute(update(Process).where(Process.id == found).values(ended_at=db_clock()))


def dead_processes(*, watched: bool = False) -> list[int]:
    """The processes that ended without saying so. They are marked ended; their ids are returned once.

    Silence goes by the database's clock; `watched`, for who calls this every few seconds, by the caller's own: then neither a
    clock that is stepped nor a database that was away for a while makes the living look dead.
    """
    with reading() as connection:
        silent_since = Process.heartbeat_at < db_clock(-DEAD_AFTER)
        rows = connection.execute(
            select(
                Process.id, Process.host, Process.boot_id, Process.pid, Process.started_ticks, Process.heartbeat_at,
                silent_since.label("silent"),
            ).where(Process.ended_at.is_(None))
        ).all()
    silent = {row.id: bool(row.silent) for row in rows}
    if watched:
        heard = _silences().look({row.id: row.heartbeat_at for row in rows})
        silent = {pk: seconds > DEAD_AFTER for pk, seconds in heard.items()}
    found = [row.id for row in rows if not _alive(row.host, row.boot_id, row.pid, row.started_ticks, silent[row.id])]
    if found:
        with writing() as connection:
            connection.execute(update(Process).where(Process.id.in_(found)).values(ended_at=db_clock()))
    return found


def _silences() -> Unchanged:
    found: Unchanged = current_app.extensions.setdefault("carillon.silences", Unchanged())
    return found


def _alive(host: str, boot_id: str, pid: int, started_ticks: str, silent: bool) -> bool:
    if host != socket.gethostname():
        return not silent
    if boot_id != _boot_id():
        # Another boot of this host, or another container that shares its name: only silence can tell those apart.
        return not silent
    return (bool(started_ticks) and _started_ticks(pid) == started_ticks) or (not started_ticks and not silent)


@cache
def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def _started_ticks(pid: int) -> str:
    """When a pid started, in clock ticks since boot (field 22 of /proc/PID/stat): pids are used again, this pair is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]
