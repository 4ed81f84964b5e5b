"""Paging over a table of any size: by id, newest first, never an OFFSET and never a COUNT.

A filter that no index serves would read the whole table to find few rows. So the table is read in windows of ids, newest first,
until the page is full or the time is up; then the page shows what it has, says how far it looked, and offers to look further.
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

BUDGET = 0.1  # seconds one page may spend looking
FIRST_WINDOW, LARGEST_WINDOW = 10_000, 100_000  # ids


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


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: rows older than an id, or the rows just newer than one, within [low, high)."""

    before: int | None = None
    after: int | None = None
    low: int = 0
    high: int | None = None


def read(query: Query, key: Key, cursor: Cursor, size: int, *, windowed: bool = False) -> Page[Row]:
    """One page of `query` (without ORDER BY) by `key`. `windowed` where no index serves the query's conditions."""
    # Two subqueries: SQLite answers min and max from the key's ends only when each stands alone.
    ends = select(select(func.min(key)).scalar_subquery(), select(func.max(key)).scalar_subquery())
    smallest, largest = db.session.execute(ends).one()
    low, high = max(cursor.low, smallest or 0), min((largest or 0) + 1, cursor.high or (largest or 0) + 1)
    width = FIRST_WINDOW if windowed else max(high - low, 1)
    if cursor.after is not None:
        return _newer(query, key, max(low, cursor.after + 1), high, size, width)
    return _older(query, key, low, min(high, cursor.before or high), size, width, first=cursor.before is None)


def _older(query: Query, key: Key, low: int, high: int, size: int, width: int, *, first: bool) -> Page[Row]:
    found: list[Row]
    found, paused_at = _look(query, key, low, high, size + 1, width, newest_first=True)
    rows, more = found[:size], len(found) > size
    newer = None if first else (_id(rows[0], key) if rows else high - 1)
    return Page(rows, older=_id(rows[-1], key) if more else None, newer=newer, paused_at=paused_at)


def _newer(query: Query, key: Key, low: int, high: int, size: int, width: int) -> Page[Row]:
    found: list[Row]
    found, paused_at = _look(query, key, low, high, size + 1, width, newest_first=False)
    rows, more = found[:size][::-1], len(found) > size
    newer = _id(rows[0], key) if more else (paused_at - 1 if paused_at else None)
    older = _id(rows[-1], key) if rows else (low if low <= high else None)
    return Page(rows, older=older, newer=newer)


def _look(
    query: Query, key: Key, low: int, high: int, wanted: int, width: int, *, newest_first: bool
) -> tuple[list[Row], int | None]:
    """At most `wanted` rows within [low, high), window by window; and the id at which the time was up, if it was."""
    rows: list[Row] = []
    deadline = time.monotonic() + BUDGET
    while low < high and len(rows) < wanted:
        now = time.monotonic()
        if now > deadline:
            return rows, high if newest_first else low
        start, end = (max(high - width, low), high) if newest_first else (low, min(low + width, high))
        ordered = query.where(key >= start, key < end).order_by(key.desc() if newest_first else key)
        rows.extend(db.session.scalars(ordered.limit(wanted - len(rows))).unique())
        low, high = (low, start) if newest_first else (end, high)
        if time.monotonic() - now < BUDGET / 8:  # a window that grows must not outgrow the time
            width = max(min(width * 3, LARGEST_WINDOW), width)
    return rows, None


def _id(row: Any, key: Key) -> int:
    return int(getattr(row, key.key))


def moment_of(columns: Columns, number: int) -> datetime | None:
    """When the row at `number`, or the next one after it, was written; None where there is none."""
    return db.session.scalar(select(columns.created).where(columns.key >= number).order_by(columns.key).limit(1))
