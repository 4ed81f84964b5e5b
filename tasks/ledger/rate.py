"""Limits of so many a minute, held across all threads, processes and hosts: one row a name, on the database's clock.

The generic cell rate algorithm: each unit taken costs 60 / `per_minute` seconds, and the row says when all that was taken is paid
for. A name is `burst` units' time ahead of the clock at most; what idles saves up no more than that.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from tasks.database import reading, upsert, writing
from tasks.models import RateLimit
from tasks.models.types import db_seconds

MOST_OWED = 60.0  # seconds: no debt, and no clock that is set back, stops a name for longer than this and its burst
ROUNDING = 1e-4  # of a unit: SQLite's clock counts milliseconds, a float loses some of each


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units a minute under a name. `burst` (default: a second's worth, at least one) may go at once.

    `full`: whether a name that was never used has its whole burst free, or one unit, so that the rate is even from the start.
    """

    name: str
    per_minute: float
    burst: float = 0.0
    full: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.per_minute) and self.per_minute > 0):
            raise ValueError("a rate is a number above 0; no limit is no Limit")

    @property
    def seconds(self) -> float:
        """What one unit costs."""
        return 60.0 / self.per_minute

    @property
    def most(self) -> float:
        """Units that may go at once."""
        return max(1.0, self.burst or self.per_minute / 60.0)


@dataclass(frozen=True, slots=True)
class Grant:
    """`granted` of the units wanted, `remaining` free ones after them, and `wait`: seconds until what was missing is free.

    `wait` is 0 where all was granted, infinite where more was wanted at once than the burst can ever hold.
    """

    granted: int
    remaining: int
    wait: float


def take(limit: Limit, wanted: int = 1, *, whole: bool = False, connection: Connection | None = None) -> Grant:
    """Take up to `wanted` units, or with `whole` all of them or none. Never more than the limit allows, whoever else takes.

    Inside a `connection`'s writing transaction the name stays locked until that ends, and a rollback gives the units back. Who
    takes several names in one transaction takes them in alphabetical order. `wait` is until one more unit is free, with `whole`
    until all of them are.
    """
    with _transaction(connection) as open_one:
        paid, now = _lock(open_one, limit)
        free = _free(limit, paid, now)
        granted = wanted if wanted <= free else (0 if whole else free)
        if granted:
            paid = max(paid, now) + granted * limit.seconds
            _write(open_one, limit, paid)
    missing = 0 if granted == wanted else (wanted if whole else 1)
    return Grant(granted, _free(limit, paid, now), _wait(limit, paid, now, missing))


def owe(limit: Limit, units: int, *, connection: Connection | None = None) -> None:
    """Count `units` that do not wait for anything, into debt if need be: whoever takes next waits until it is paid.

    A debt never grows beyond a minute.
    """
    with _transaction(connection) as open_one:
        paid, now = _lock(open_one, limit)
        _write(open_one, limit, min(max(paid, now) + units * limit.seconds, _latest(limit, now)))


def give_back(limit: Limit, units: int, *, connection: Connection | None = None) -> None:
    """Return units that were taken and not used."""
    if units > 0:
        with _transaction(connection) as open_one:
            back = RateLimit.free_at - units * limit.seconds
            open_one.execute(update(RateLimit).where(RateLimit.name == limit.name).values(free_at=back))


def look(limit: Limit) -> Grant:
    """What `take` would find now, without taking: `remaining`, and `wait` until at least one is free."""
    with reading() as connection:
        row = connection.execute(select(RateLimit.free_at, db_seconds()).where(RateLimit.name == limit.name)).first()
    if row is None:
        return Grant(0, math.floor(limit.most) if limit.full else 1, 0.0)
    paid, now = min(row[0], _latest(limit, row[1])), row[1]
    return Grant(0, _free(limit, paid, now), _wait(limit, paid, now, 1))


def _transaction(connection: Connection | None) -> AbstractContextManager[Connection]:
    return writing() if connection is None else nullcontext(connection)


def _lock(connection: Connection, limit: Limit) -> tuple[float, float]:
    """Lock a name's row, made where there is none. Returns when it is paid, and now, both read after the lock was had."""
    new = 0.0 if limit.full else (limit.most - 1) * limit.seconds
    statement = upsert(RateLimit, connection.dialect.name).values(name=limit.name, free_at=db_seconds() + new)
    paid, now = connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"free_at": RateLimit.free_at}).returning(
            RateLimit.free_at, db_seconds()
        )
    ).one()
    return min(paid, _latest(limit, now)), now


def _write(connection: Connection, limit: Limit, paid: float) -> None:
    connection.execute(update(RateLimit).where(RateLimit.name == limit.name).values(free_at=paid))


def _latest(limit: Limit, now: float) -> float:
    return now + limit.most * limit.seconds + MOST_OWED


def _free(limit: Limit, paid: float, now: float) -> int:
    return max(0, math.floor(limit.most - max(0.0, paid - now) / limit.seconds + ROUNDING))


def _wait(limit: Limit, paid: float, now: float, units: int) -> float:
    """Seconds until `units` are free at once."""
    if units > limit.most:
        return math.inf
    return max(0.0, paid - now - (limit.most - units) * limit.seconds)
