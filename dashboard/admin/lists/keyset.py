"""Paging over a table of any size: by id, newest first, never an OFFSET and never a COUNT.

A filter that no index serves would read the whole table to find few rows. So the table is read in windows of ids, newest first,
until the page is full or the time is up; then the page shows what it has, says how far it looked, and offers to look further.
Where an index serves the filter the windows grow without bound: five of them reach through a million rows. And where it was
expected to serve and does not (a million rows have failed, and one is looked for), the windows stay small by themselves.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from tasks.extensions import db

Row = TypeVar("Row")
Query: TypeAlias = Select[Any]
Key: TypeAlias = InstrumentedAttribute[int]

BUDGET = 0.08  # seconds one page may spend looking
FIRST_WINDOW, LARGEST_WINDOW = 10_000, 100_000  # ids
WITHOUT_BOUND = 2**62


@dataclass(frozen=True, slots=True)
class Columns:
    """The two columns by which a log is read: its key, and the moment a row was written; both rise together."""

    key: Key
    created: InstrumentedAttribute[datetime]


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, newest first, and where to go from here. The cursors are ids, exclusive."""

    rows: list[Row]
    older: int | None = None  # rows with smaller ids follow
    newer: int | None = None  # rows with larger ids come before
    paused_at: int | None = None  # the time was up here: nothing is known beyond this id
    looked_at: int = 0  # ids that were looked through before that


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: rows older than an id, or the rows just newer than one, within [low, high)."""

    before: int | None = None
    after: int | None = None
    low: int = 0
    high: int | None = None


def read(
    query: Query, key: Key, cursor: Cursor, size: int, *, windowed: bool = False, largest: int | None = None
) -> Page[Any]:
    """One page of `query` (without ORDER BY) by `key`, of rows or of the keys alone.

    `windowed` where the query has conditions; `largest`: ids in a window at most, WITHOUT_BOUND where an index serves them.
    """
    # Two subqueries: SQLite answers min and max from the key's ends only when each stands alone.
    ends = select(select(func.min(key)).scalar_subquery(), select(func.max(key)).scalar_subquery())
    smallest, newest = db.session.execute(ends).one()
    low, end = max(cursor.low, smallest or 0), (newest or 0) + 1
    high = end if cursor.high is None else min(end, cursor.high)
    look = _Look(query, key, size + 1, FIRST_WINDOW if windowed else max(high - low, 1), largest or LARGEST_WINDOW)
    if cursor.after is not None:
        return _newer(look, max(low, cursor.after + 1), high)
    return _older(look, low, high if cursor.before is None else min(high, cursor.before), first=cursor.before is None)


@dataclass(slots=True)
class _Look:
    """What is looked for, how many of it, and how many ids at a time."""

    query: Query
    key: Key
    wanted: int
    width: int
    largest: int

    def id(self, row: Any) -> int:
        return row if isinstance(row, int) else int(getattr(row, self.key.key))

    def between(self, low: int, high: int, *, newest_first: bool) -> tuple[list[Any], int | None]:
        """At most `wanted` rows within [low, high), window by window; and the id at which the time was up, if it was."""
        rows: list[Any] = []
        deadline = time.monotonic() + BUDGET
        while low < high and len(rows) < self.wanted:
            now = time.monotonic()
            if now > deadline:
                return rows, high if newest_first else low
            start, end = (max(high - self.width, low), high) if newest_first else (low, min(low + self.width, high))
            ordered = self.query.where(self.key >= start, self.key < end).order_by(self.key.desc() if newest_first else self.key)
            rows.extend(db.session.scalars(ordered.limit(self.wanted - len(rows))).unique())
            low, high = (low, start) if newest_first else (end, high)
            if time.monotonic() - now < BUDGET / 8:  # a window that grows must not outgrow the time
                self.width = max(min(self.width * 3, self.largest), self.width)
        return rows, None


def _older(look: _Look, low: int, high: int, *, first: bool) -> Page[Any]:
    found, paused_at = look.between(low, high, newest_first=True)
    rows, more = found[: look.wanted - 1], len(found) == look.wanted
    newer = None if first else (look.id(rows[0]) if rows else high - 1)
    looked_at = high - paused_at if paused_at is not None else 0
    return Page(rows, look.id(rows[-1]) if more else None, newer, paused_at, looked_at)


def _newer(look: _Look, low: int, high: int) -> Page[Any]:
    found, paused_at = look.between(low, high, newest_first=False)
    rows, more = found[: look.wanted - 1][::-1], len(found) == look.wanted
    newer = look.id(rows[0]) if more else (paused_at - 1 if paused_at else None)
    return Page(rows, look.id(rows[-1]) if rows else (low if low <= high else None), newer)


def moment_of(columns: Columns, number: int) -> datetime | None:
    """When the row at `number`, or the next one after it, was written; None where there is none."""
    return db.session.scalar(select(columns.created).where(columns.key >= number).order_by(columns.key).limit(1))
