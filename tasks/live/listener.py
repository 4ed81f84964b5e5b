"""One live connection, and the exact place in its person's inbox up to which it has been given everything."""

import threading
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from tasks import inbox
from tasks.inbox import Cursor
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
        self.acked = 0  # the floor of the last cursor that the client confirmed
        self._behind: Cursor | None = None
        self._due: Cursor | None = None

    def first_sync(self, connection: Connection) -> dict[str, Any]:
        """The first `sync`: what was missed since the client's cursor, oldest first; without one the newest, newest first.

        With a cursor that is none of ours any more, `reset` tells the client to drop what it holds.
        """
        since = inbox.decode(self.since) if self.since else None
        settled, drawn = inbox.horizon(connection)
        if since is not None and since.floor > drawn:
            since = None  # the database was restored from an older copy: what the client holds may be something else now
        if since is None:
            rows = inbox.newest(connection, self.recipient_id, limit=PAGE + 1)
            page, more = rows[:PAGE], len(rows) > PAGE
            cursor = self.place = _given(Cursor(settled), page, settled)
            return self._sync(connection, page, cursor, more) | ({"reset": True} if self.since else {})
        rows = inbox.since(connection, self.recipient_id, since, limit=PAGE + 1)
        page, more = rows[:PAGE], len(rows) > PAGE
        cursor = _given(since, page, settled)
        self.place = cursor.at(settled)
        self._behind, self._due = (cursor, Cursor(settled)) if more else (None, None)
        return self._sync(connection, page, cursor if more else self.place, more)

    def next_sync(self, connection: Connection, since: Cursor) -> dict[str, Any]:
        """A further `sync`, on the client's request: what lies between its cursor and what it gets, or got, live."""
        if self.place is None:
            raise RuntimeError("the first sync comes first")
        due = self._due or self.place
        rows = inbox.since(connection, self.recipient_id, since, limit=PAGE + 1, within=due)
        page, more = rows[:PAGE], len(rows) > PAGE
        cursor = _given(since, page, due.floor) if more else self.place
        self._behind, self._due = (cursor, due) if more else (None, None)
        return self._sync(connection, page, cursor, more)

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

    def _sync(self, connection: Connection, rows: Iterable[Any], cursor: Cursor, more: bool) -> dict[str, Any]:
        return {
            "items": [inbox.item(row) for row in rows], "cursor": inbox.encode(cursor),
            "unread": inbox.unread(connection, self.recipient_id), "more": more,
        }


def _given(cursor: Cursor, rows: Iterable[Any], settled: int) -> Cursor:
    for row in rows:
        cursor = cursor.after(row.pk, settled)
    return cursor
