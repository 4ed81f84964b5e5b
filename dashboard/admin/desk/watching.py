"""Who watches which broadcasts in this web process, and the look at their counters once a second.

Each process reads for its own watchers, so it makes no difference how many there are, nor whether they share a message queue;
where nobody watches, nothing is read.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from dashboard import auth
from dashboard.admin.display.progress import Progress, progress
from dashboard.admin.overview.providers import down
from tasks.extensions import db
from tasks.models import Broadcast, Operator

MOST = 50  # broadcasts that one page watches
GUARD_EVERY = 2.0  # seconds between two looks whether the watchers may still watch

Emit = Callable[[str, dict[str, Any]], None]  # a connection, what changed
Dismiss = Callable[[str], None]


@dataclass(slots=True)
class Watcher:
    """One connection of a signed-in operator. The session that opened it ends it too."""

    sid: str
    operator_id: int
    epoch: int
    ends_at: float  # seconds since 1970: when the session would be too old
    broadcasts: frozenset[int] = frozenset()


@dataclass(slots=True)
class Desk:
    """The watchers of this process. Safe to use from any thread."""

    emit: Emit
    dismiss: Dismiss
    _watchers: dict[str, Watcher] = field(default_factory=dict)
    _told: dict[int, Progress] = field(default_factory=dict)  # what the watchers of a broadcast were told last
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _guarded_at: float = 0.0

    def add(self, watcher: Watcher) -> None:
        """Let somebody in."""
        with self._guard:
            self._watchers[watcher.sid] = watcher

    def remove(self, sid: str) -> None:
        """Let a connection go; nothing happens where it is gone already."""
        with self._guard:
            self._watchers.pop(sid, None)

    def count(self, operator_id: int) -> int:
        """How many connections an operator has here."""
        with self._guard:
            return sum(watcher.operator_id == operator_id for watcher in self._watchers.values())

    def connections(self) -> list[str]:
        """Everybody's connection."""
        with self._guard:
            return list(self._watchers)

    def watch(self, sid: str, pks: Collection[int]) -> list[dict[str, Any]]:
        """From now on this connection gets the changes of these broadcasts, and of no others. Returns how they are now."""
        watched = frozenset(pks)
        with self._guard:
            watcher = self._watchers.get(sid)
            if watcher is None:
                return []
            watcher.broadcasts = watched
        return [far.as_json() for far in _read(watched).values()]

    def look(self) -> None:
        """Read what is watched and tell its watchers what changed; show those out who are signed out. Once a second."""
        with self._guard:
            watchers = list(self._watchers.values())
        if not watchers:
            self._told.clear()
            return
        if time.monotonic() - self._guarded_at >= GUARD_EVERY:
            self._guarded_at = time.monotonic()
            watchers = self._still_welcome(watchers)
        watched = frozenset().union(*(watcher.broadcasts for watcher in watchers))
        for gone in self._told.keys() - watched:
            del self._told[gone]
        for pk, far in _read(watched).items():
            if self._told.get(pk) != far:
                self._told[pk] = far
                for watcher in watchers:
                    if pk in watcher.broadcasts:
                        self.emit(watcher.sid, far.as_json())

    def _still_welcome(self, watchers: list[Watcher]) -> list[Watcher]:
        people = {watcher.operator_id for watcher in watchers}
        query = select(Operator.id, Operator.session_epoch).where(Operator.id.in_(people), Operator.is_active)
        epochs = {row.id: row.session_epoch for row in db.session.execute(query)}
        staying = []
        for watcher in watchers:
            if epochs.get(watcher.operator_id) == watcher.epoch and watcher.ends_at > time.time():
                staying.append(watcher)
            else:
                self.remove(watcher.sid)
                self.dismiss(watcher.sid)
        return staying


def session_end(session: Any) -> float:
    """When a session ends if nothing more is asked with it, in seconds since 1970."""
    return float(min(session.get("seen", 0) + auth.IDLE, session.get("since", 0) + auth.ABSOLUTE))


def _read(pks: Collection[int]) -> dict[int, Progress]:
    if not pks:
        return {}
    rows = list(db.session.scalars(select(Broadcast).where(Broadcast.pk.in_(pks))))
    broken = down() if rows else ()
    return {row.pk: progress(row, broken) for row in rows}
