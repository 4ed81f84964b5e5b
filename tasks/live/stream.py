"""The one thread of a web process that gives the people connected to it what is new.

Events of one connection leave in one order, from here only. A wake-up says who has something new; every two seconds the thread
looks whether anything at all is new, so that a wake-up that was lost (Redis down, a sender killed after its commit) costs two
seconds and nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from flask import Flask
from socketio import Server

from tasks import inbox, public_id
from tasks.database import reading
from tasks.gathering import gathered
from tasks.inbox import Change
from tasks.live.crowd import Crowd
from tasks.live.door import Door
from tasks.live.listener import Listener, first_syncs
from tasks.live.mirror import Mirror
from tasks.live.packets import event_packet
from tasks.models.types import AnyRow

TICK = 1.0  # seconds between two rounds when nobody wakes the thread
SWEEP, CROWD_SWEEP, CROWD = 2.0, 10.0, 500  # seconds between two looks at everybody; above CROWD people the longer time
PEOPLE = 500  # people asked about in one statement
ROWS = 1_000  # messages read in one statement

log = logging.getLogger(__name__)

Ready = Mapping[int, Sequence[Listener]]


class Stream:
    """Gives the listeners of this process their messages and unread counts. Safe to call from any thread."""

    def __init__(self, app: Flask, server: Server, most: int) -> None:
        self.crowd = Crowd()
        self.door = Door()
        self.most = most  # live connections that this process accepts
        self._app = app
        self._server = server
        self._guard = threading.Lock()
        self._bell = threading.Event()
        self._look: set[int] = set()
        self._mirror = Mirror()
        self._changes: list[Change] = []
        self._each_second: list[Callable[[], object]] = []
        self._others: list[Callable[[], Collection[tuple[str, str]]]] = []
        self._thread: Any = None
        self._stopping = False
        self._ticked = self._swept_at = 0.0
        self._swept = -1  # the horizon of the last look at everybody

    def start(self) -> None:
        """Start the thread, where it does not run yet: with the first connection, which is after any fork."""
        with self._guard:
            if self._thread is None:
                self._thread = self._server.start_background_task(self._run)

    def welcome(self, sid: str) -> None:
        """Send the first sync: called when the client has been told that it is connected."""
        listener, transport = self.crowd.get(sid), self._server.manager.eio_sid_from_sid(sid, "/")
        if listener is None:
            return
        if transport not in self._server.environ:  # it broke while its token was being checked, and nobody will tell
            self.crowd.remove(sid)
            self._server.manager.disconnect(sid, "/", ignore_queue=True)
            return
        try:
            with self._app.app_context(), listener.lock:
                self.emit(listener, "sync", gathered(_first_syncs, listener))
        except Exception:
            log.exception("the inbox cannot be read: a client has to connect again")
            self._server.eio.sockets[transport].close(wait=False)
            return
        finally:
            self.door.leave(transport)
        person = listener.recipient_id
        self.wake(
            look=[person] if listener.missed_news else (),
            changes=[Change(person, 0, inbox.REFRESH, None)] if listener.missed_changes else (),
        )

    def turn_away(self, sid: str) -> None:
        """This connection is refused: its place at the door is free."""
        self.door.leave(self._server.manager.eio_sid_from_sid(sid, "/"))

    def wake(self, *, look: Iterable[int] = (), changes: Iterable[Change] = ()) -> None:
        """People (their rows' ids) who may have something new, and what was done to messages. Only those here matter."""
        look, changes = self.crowd.among(look), self._mirror.hear(changes)
        here = self.crowd.among(change.recipient_id for change in changes)
        if look or here:
            with self._guard:
                self._look |= look
                self._changes += [change for change in changes if change.recipient_id in here]
            self._bell.set()

    def every_second(self, work: Callable[[], object]) -> None:
        """Call `work` about once a second, inside the app's context, from the first connection on."""
        self._each_second.append(work)

    def also(self, others: Callable[[], Collection[tuple[str, str]]]) -> None:
        """Connections of another namespace, whose own events let them in: (connection, namespace)."""
        self._others.append(others)

    def admitted(self) -> list[tuple[str, str]]:
        """Everybody who was let in, on whatever namespace: (connection, namespace)."""
        return [(one.sid, "/") for one in self.crowd.everyone()] + [pair for others in self._others for pair in others()]

    def stop(self) -> None:
        """End the thread, after a last round of `every_second`. The connections stay as they are."""
        self._stopping = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(5)

    def emit(self, listener: Listener, event: str, data: Mapping[str, Any]) -> None:
        """Send one event on one connection of this process, past the rooms and queues that serve many."""
        transport = self._server.manager.eio_sid_from_sid(listener.sid, "/")
        if transport is not None:
            self._server.eio.send_packet(transport, event_packet(event, data))

    def _run(self) -> None:
        while not self._stopping:
            self._bell.wait(TICK)
            self._bell.clear()
            with self._guard:
                look, changes, self._look, self._changes = self._look, self._changes, set(), []
            try:
                with self._app.app_context():
                    self._turn(look, changes)
            except Exception:  # the database may be away for a while: nothing is lost, it is only later
                log.exception("live messages wait: the inbox cannot be read")
                with self._guard:
                    self._look |= look
                    self._changes = changes + self._changes
                self._server.sleep(TICK)

    def _turn(self, look: set[int], changes: Sequence[Change]) -> None:
        self._give_new(look)
        self._give_changes(changes)
        now = time.monotonic()
        if now - self._ticked >= TICK or self._stopping:
            self._ticked = now
            self._expire()
            for work in self._each_second:
                work()
            self._sweep(now)

    def _give_new(self, people: Collection[int]) -> None:
        for some in _chunks(people):
            ready = self.crowd.ready(some)
            if ready:
                self._give(ready)

    def _give(self, ready: Ready) -> None:
        listeners = [listener for mine in ready.values() for listener in mine]
        after = min(listener.place.floor for listener in listeners if listener.place is not None)
        with reading() as connection:
            settled, _ = inbox.horizon(connection)
            while True:
                rows = inbox.arrived(connection, ready.keys(), after, limit=ROWS)
                fresh = [row for row in rows if any(listener.lacks(row[0]) for listener in ready[row[1]])]
                counts = inbox.unread_many(connection, {row[1] for row in fresh}) if fresh else {}
                for row in fresh:
                    self._hand_out(row, ready[row[1]], counts[row[1]], settled)
                if len(rows) < ROWS:
                    break
                after = rows[-1].pk
        for listener in listeners:
            with listener.lock:
                listener.settle(settled)

    def _hand_out(self, row: AnyRow, listeners: Sequence[Listener], unread: int, settled: int) -> None:
        shown = inbox.arrival(row)
        shown["unread"] = unread
        for listener in listeners:
            with listener.lock:
                cursor = listener.take(row[0], settled)
                if cursor is not None:
                    shown["cursor"] = inbox.encode(cursor)
                    self.emit(listener, "notification", shown)

    def _give_changes(self, changes: Sequence[Change]) -> None:
        for some in _chunks({change.recipient_id for change in changes}):
            ready = self.crowd.ready(some, for_changes=True)
            if not ready:
                continue
            with reading() as connection:
                counts = inbox.unread_many(connection, ready.keys())
            for change in changes:
                for listener in ready.get(change.recipient_id, ()) if change.pks != () else ():
                    with listener.lock:
                        self.emit(listener, "changed", _shown(change, counts[change.recipient_id]))
            for person, listeners in ready.items():
                for listener in listeners:
                    with listener.lock:
                        self.emit(listener, "unread", {"count": counts[person]})

    def _sweep(self, now: float) -> None:
        people = self.crowd.people()
        if not people or now - self._swept_at < (SWEEP if len(people) <= CROWD else CROWD_SWEEP):
            return
        self._swept_at = now
        with reading() as connection:
            missed = self._mirror.missed(connection)
            settled, drawn = inbox.horizon(connection)
        if drawn != self._swept:
            self._give_new(people)
            self._swept = settled
        self._give_changes([change for change in missed if change.recipient_id in people])

    def _expire(self) -> None:
        now = time.time()
        for listener in self.crowd.everyone():
            if listener.expires_at <= now:
                # In a thread of its own: the goodbye writes to the database, and nobody else should wait for that.
                self._server.start_background_task(self._server.disconnect, listener.sid, ignore_queue=True)


def _first_syncs(listeners: Sequence[Listener]) -> Sequence[dict[str, Any]]:
    with reading() as connection:
        return first_syncs(connection, listeners)


def _shown(change: Change, unread: int) -> dict[str, Any]:
    """A change as clients see it. Without ids: more than can be named, so they look for themselves."""
    ids = None if change.pks is None else [public_id.text(public_id.NOTIFICATION, pk) for pk in change.pks]
    return {"action": change.action, "ids": ids, "unread": unread}


def _chunks(people: Collection[int]) -> Iterable[list[int]]:
    listed = list(people)
    return [listed[start : start + PEOPLE] for start in range(0, len(listed), PEOPLE)]
