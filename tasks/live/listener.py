"""One live connection, and the exact place in its person's inbox up to which it has been given everything."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from tasks import inbox
from tasks.inbox import Cursor, Opening
from tasks.inbox.cursor import AHEAD_LIMIT

PAGE = 100  # items of one `sync`


class Listener:
    """A connection of `recipient_id`. Whoever moves its place holds `lock`, and emits before letting go: order is kept.

    `place` is how far live messages have come; none before the first sync. Somebody who missed more than one page is
    `behind`: the rest comes by further syncs, as far as `due`, while newer messages go on arriving live. Until that is done
    the cursors of the live messages stay at `behind`, so that a connection which breaks now resumes at the gap.
    """

    def __init__(
        self, sid: str, recipient_id: int, expires_at: float, since: object = None, key_id: int | None = None
    ) -> None:
        self.sid = sid
        self.recipient_id = recipient_id
        self.since = since  # the client's cursor as it came, for the first sync
        self.expires_at = expires_at  # seconds since the epoch: the token's end is the connection's
        self.key_id = key_id  # the API key that vouches for the token
        self.lock = threading.Lock()
        self.place: Cursor | None = None
        # What was to be given before the first sync, which it may have come too late for.
        self.missed_news = self.missed_changes = False
        self.acked = 0  # the floor of the last cursor that the client confirmed
        self._behind: Cursor | None = None
        self._due: Cursor | None = None

    def opening(self, drawn: int) -> Opening:
        """What to ask for its first sync, where `drawn` is the last number in use."""
        since = inbox.decode(self.since) if self.since else None
        if since is not None and since.floor > drawn:
            since = None  # the database was restored from an older copy: what the client holds may be something else now
        return Opening(self.recipient_id, since)

    def first_sync(self, asked: Opening, rows: Sequence[Any], settled: int, unread: int) -> dict[str, Any]:
        """The first `sync`: what was missed since the client's cursor, oldest first; without one the newest, newest first.

        `rows` (up to PAGE + 1) and `unread` were read under the horizon `settled`. With a cursor that is none of ours any more,
        `reset` tells the client to drop what it holds.
        """
        page, more = rows[:PAGE], len(rows) > PAGE
        if asked.since is None:
            cursor = self.place = _given(Cursor(settled), page, settled)
            return _sync(page, cursor, more, unread) | ({"reset": True} if self.since else {})
        cursor = _given(asked.since, page, settled)
        self.place = cursor.at(settled)
        self._behind, self._due = (cursor, Cursor(settled)) if more else (None, None)
        return _sync(page, cursor if more else self.place, more, unread)

    def next_sync(self, connection: Connection, since: Cursor) -> dict[str, Any]:
        """A further `sync`, on the client's request: what lies between its cursor and what it gets, or got, live."""
        if self.place is None:
            raise RuntimeError("the first sync comes first")
        due = self._due or self.place
        rows = inbox.since(connection, self.recipient_id, since, limit=PAGE + 1, within=due)
        page, more = rows[:PAGE], len(rows) > PAGE
        cursor = _given(since, page, due.floor) if more else self.place
        self._behind, self._due = (cursor, due) if more else (None, None)
        return _sync(page, cursor, more, inbox.unread(connection, self.recipient_id))

    def lacks(self, pk: int) -> bool:
        """True where this message has not been given yet. A hint, without the lock: `take` decides."""
        return self.place is not None and not self.place.has(pk)

    def take(self, pk: int, settled: int) -> Cursor | None:
        """Move on past a new message, the next in order. Returns the cursor to send with it, None where it was given already."""
        if self.place is None or self.place.has(pk):
            return None
        self.place = self.place.after(pk, settled)
        if self._behind is None:
            return self.place
        if len(self._behind.ahead) < AHEAD_LIMIT:
            self._behind = Cursor(self._behind.floor, self._behind.ahead | {pk})
        return self._behind

    def settle(self, settled: int) -> None:
        """Everything visible under the horizon `settled` has been given."""
        if self.place is not None:
            self.place = self.place.at(settled)


def first_syncs(connection: Connection, listeners: Sequence[Listener]) -> list[dict[str, Any]]:
    """The first `sync` of each of these listeners, whose locks are held."""
    settled, drawn = inbox.horizon(connection)
    asked = [listener.opening(drawn) for listener in listeners]
    rows = inbox.opened(connection, asked, limit=PAGE + 1)
    counts = inbox.unread_many(connection, {listener.recipient_id for listener in listeners})
    return [
        listener.first_sync(one, found, settled, counts[listener.recipient_id])
        for listener, one, found in zip(listeners, asked, rows, strict=True)
    ]


def _sync(rows: Iterable[Any], cursor: Cursor, more: bool, unread: int) -> dict[str, Any]:
    return {"items": [inbox.item(row) for row in rows], "cursor": inbox.encode(cursor), "unread": unread, "more": more}


def _given(cursor: Cursor, rows: Iterable[Any], settled: int) -> Cursor:
    for row in rows:
        cursor = cursor.after(row.pk, settled)
    return cursor
