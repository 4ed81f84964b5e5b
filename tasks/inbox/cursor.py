"""A place in a person's inbox: exactly what has been given, however many senders write at once.

Ids are drawn in order, and on PostgreSQL they become visible out of order: while one transaction holds number 7, another
may commit number 8. A cursor that is only "the last id seen" then skips 7 for ever. So a cursor has two parts: a floor,
below which nothing can appear any more, and the few ids above it that were given already.

Where the floor may lie is `horizon`. On SQLite one writer at a time commits, so every id drawn is settled. On PostgreSQL a
trigger (migration 0002) lets every transaction that writes notifications hold, until it ends, a shared advisory lock that
carries the last number drawn before its own: numbers up to the lowest of these are settled. The order of the reads is what
makes it sound: first the last number drawn, then the locks, then (by the caller, in a statement of its own) the rows. A
transaction that drew a number before the first read held its lock before the second; if the lock is gone, its rows are
visible to the third.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, text

from tasks import public_id

CURSOR = b"c"  # the kind of sealed number, beside those of tasks.public_id
LOCKS = 0x4361  # the upper 16 bits of the advisory locks' 64; the number has the other 48. The same in migration 0002.
AHEAD_LIMIT = 500  # ids a cursor's text may carry; beyond that a few items come twice, and none is lost

_SQLITE_DRAWN = text("SELECT seq FROM sqlite_sequence WHERE name = 'notifications'")
_DRAWN = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM notifications_id_seq")
_IN_FLIGHT = text(
    "SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
    " AND classid::bigint >> 16 = :locks AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Cursor(NamedTuple):
    """Every notification up to `floor` has been given or never will be; above it, those in `ahead`."""

    floor: int = 0
    ahead: frozenset[int] = frozenset()

    def has(self, pk: int) -> bool:
        """True where this row was given already."""
        return pk <= self.floor or pk in self.ahead

    def after(self, pk: int, settled: int) -> "Cursor":
        """The place once row `pk`, the next in order, has been given too, under the horizon `settled`."""
        if not self.ahead and self.floor < pk <= settled:
            return Cursor(pk)  # nearly always
        return _place(max(self.floor, min(pk, settled)), (*self.ahead, pk))

    def at(self, settled: int) -> "Cursor":
        """The place once everything that was visible under the horizon `settled` has been given."""
        return _place(settled, self.ahead) if settled > self.floor else self


def _place(floor: int, given: Iterable[int]) -> Cursor:
    return Cursor(floor, frozenset(pk for pk in given if pk > floor))


def horizon(connection: Connection) -> tuple[int, int]:
    """(settled, drawn): no notification up to `settled` can appear after this call; `drawn` is the last number used so far.

    Read the rows on the same connection, after it, in a statement of their own.
    """
    if connection.dialect.name == "sqlite":
        drawn = int(connection.scalar(_SQLITE_DRAWN) or 0)
        return drawn, drawn
    drawn = int(connection.execute(_DRAWN).scalar_one())
    in_flight = connection.scalar(_IN_FLIGHT, {"locks": LOCKS})
    return (drawn if in_flight is None else min(drawn, int(in_flight))), drawn


def encode(cursor: Cursor) -> str:
    """The text that clients keep and bring back. Opaque: the numbers behind it would tell how much is sent in all."""
    if not cursor.ahead:
        return public_id.text(CURSOR, cursor.floor)
    ahead = sorted(cursor.ahead)[:AHEAD_LIMIT]
    return ".".join([public_id.text(CURSOR, cursor.floor), *(str(pk - cursor.floor) for pk in ahead)])


def decode(written: object) -> Cursor | None:
    """The cursor behind a text, or None where it is not one of ours."""
    if not isinstance(written, str) or len(written) > 40 + AHEAD_LIMIT * 12:
        return None
    seal, *offsets = written.split(".")
    floor = public_id.decode(CURSOR, seal)
    if floor is None or len(offsets) > AHEAD_LIMIT or not all(o.isascii() and o.isdigit() and len(o) < 12 for o in offsets):
        return None
    return _place(floor, (floor + int(offset) for offset in offsets))
