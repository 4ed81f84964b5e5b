"""The figures of the start page, a quarter of an hour at a time: what got through, what failed, what waits and how long.

The log's rows are written in the order of time, so a quarter is a range of ids; a worker counts the last quarters anew every few
seconds and leaves those alone that nothing can change any more. A page then reads some hundred rows, however much was sent.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Float, Integer, and_, case, cast, exists, func, literal, null, select, update

from tasks.database import reading, upsert, writing
from tasks.ledger import counts
from tasks.models import Attempt, Delivery, Figure, Installation, Notification
from tasks.models.types import db_clock, seconds_from
from tasks.models.words import BOUNCED, CHANNELS, DELIVERED, FAILED, IN_APP, SENT, UNKNOWN
from tasks.moments import first_id_at

QUARTER = timedelta(minutes=15)
SLACK = timedelta(minutes=10)  # a try may be written this long after it began; longer than any provider is waited for
KEPT = timedelta(days=31)  # how far back the first run looks
START = 3.0  # seconds after a process began: it has more urgent things to see to first
LEAST_PAUSE, SHARE = 15.0, 20  # seconds between two runs, and at least so many times what the last one took
# Seconds: `waits` counts the first tries that waited less than each edge, and at its end those that waited longer than all.
EDGES = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0)
GOOD, BAD = (SENT, DELIVERED), (FAILED, BOUNCED, UNKNOWN)


@dataclass(slots=True)
class Tally:
    """What is counted for one channel in one quarter."""

    sent: int = 0
    failed: int = 0
    retried: int = 0
    waits: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))


@dataclass(slots=True)
class _Pace:
    """When this process looks again: by its own clock, and the less often the longer a look takes."""

    next_look: float = field(default_factory=lambda: time.monotonic() + START)
    pause: float = LEAST_PAUSE


def is_due() -> bool:
    """True once a pause: this process should then see whether the figures want counting. Asks no database."""
    pace, now = _pace(), time.monotonic()
    if now < pace.next_look:
        return False
    pace.next_look = now + pace.pause
    return True


def count(stop: Callable[[], bool]) -> int:
    """Bring the figures up to date, where no other worker did so just now. Returns how many quarters were counted."""
    pace = _pace()
    now = _take(pace.pause)
    if now is None:
        return 0
    began, done = time.monotonic(), 0
    for quarter in _open_quarters(now):
        if stop():
            break
        _count_quarter(quarter, now)
        done += 1
    pace.pause = max(LEAST_PAUSE, SHARE * (time.monotonic() - began) / max(1, done) * min(done, 2))
    pace.next_look = time.monotonic() + pace.pause
    return done


def _pace() -> _Pace:
    found: _Pace = current_app.extensions.setdefault("carillon.figures", _Pace())
    return found


def _take(pause: float) -> datetime | None:
    """Compare-and-set: one worker counts. Returns the database's time, or None where it is another's turn."""
    with reading() as connection:
        now, last = connection.execute(select(db_clock(), Installation.figures_at)).one()
    if last is not None and now - last < timedelta(seconds=pause * 0.9) and last <= now:
        return None
    before = Installation.figures_at == last if last is not None else Installation.figures_at.is_(None)
    with writing() as connection:
        won = connection.execute(update(Installation).where(before).values(figures_at=now)).rowcount
    return now if won else None


def _open_quarters(now: datetime) -> Iterator[datetime]:
    """The beginnings of the quarters that may still change, oldest first; on the first run those of the last month."""
    with reading() as connection:
        done = connection.scalar(select(Installation.figures_done))
        oldest = done or connection.scalar(select(Delivery.created_at).order_by(Delivery.pk).limit(1)) or now
    quarter = _floor(min(max(oldest, now - KEPT), now))
    while quarter <= now:
        yield quarter
        quarter += QUARTER


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _count_quarter(quarter: datetime, now: datetime) -> None:
    end = quarter + QUARTER
    with reading() as connection:
        tallies = _tally(connection, quarter, end)
        waiting: dict[str, int] = defaultdict(int)
        for channel, _, number in counts.open_rows(connection) if quarter <= now < end else ():
            waiting[channel] += number
    current = end > now - QUARTER  # zeros are written here too: what was counted before may be gone
    rows = [
        {
            "quarter": quarter, "channel": channel, "sent": one.sent, "failed": one.failed, "retried": one.retried,
            "waits": one.waits, "waiting": waiting[channel],
        }
        for channel in CHANNELS
        if (one := tallies[channel]).sent or one.failed or one.retried or current
    ]
    with writing() as connection:
        if rows:
            _write(connection, rows, with_waiting=quarter <= now < end)
        if end + SLACK < now:
            connection.execute(update(Installation).values(figures_done=end))


def _write(connection: Connection, rows: list[dict[str, Any]], *, with_waiting: bool) -> None:
    statement = upsert(Figure, connection.dialect.name)
    kept = ("sent", "failed", "retried", "waits", *(("waiting",) if with_waiting else ()))
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["quarter", "channel"], set_={name: getattr(statement.excluded, name) for name in kept}
        ),
        rows,
    )


def _tally(connection: Connection, start: datetime, end: datetime) -> dict[str, Tally]:
    """What providers were given within [start, end), by channel, and what was put into inboxes. Test messages do not count."""
    found: dict[str, Tally] = defaultdict(Tally)
    low = first_id_at(connection, Attempt.id, Attempt.started_at, start - SLACK)
    for channel, became, bucket, number in connection.execute(_tried(low, start, end)):
        one = found[channel]
        if became in GOOD:
            one.sent += number
        elif became in BAD:
            one.failed += number
        else:
            one.retried += number
        if bucket is not None:
            one.waits[bucket] += number
    found[IN_APP].sent += _put_into_inboxes(connection, start, end)
    return found


def _tried(low: int, start: datetime, end: datetime) -> Any:
    last = and_(Attempt.number >= Delivery.attempt_count, Attempt.round == Delivery.round)
    tries = (
        select(
            Delivery.channel,
            case((last, Delivery.state), else_=literal("again")).label("became"),
            Attempt.delivery_id,
            case(
                (and_(Attempt.number == 1, Attempt.round == 1), seconds_from(Delivery.created_at, Attempt.started_at)),
                else_=cast(null(), Float()),
            ).label("wait"),
        )
        .join(Delivery, Delivery.pk == Attempt.delivery_id)
        .where(Attempt.id >= low, Attempt.started_at >= start, Attempt.started_at < end, ~_is_test())
        .cte("tries").prefix_with("MATERIALIZED")  # the wait is reckoned once a row, not once an edge
    )
    edges = [(tries.c.wait < edge, literal(index, Integer())) for index, edge in enumerate(EDGES)]
    bucket = case((tries.c.wait.is_(None), cast(null(), Integer())), *edges, else_=literal(len(EDGES), Integer()))
    grouped = (tries.c.channel, tries.c.became, bucket)
    return select(*grouped, func.count(tries.c.delivery_id.distinct())).group_by(*grouped)


def _put_into_inboxes(connection: Connection, start: datetime, end: datetime) -> int:
    low = first_id_at(connection, Delivery.pk, Delivery.created_at, start)
    high = first_id_at(connection, Delivery.pk, Delivery.created_at, end)
    rows = select(func.count()).select_from(Delivery).where(
        Delivery.pk >= low, Delivery.pk < high, Delivery.channel == IN_APP, Delivery.state.in_(GOOD), ~_is_test()
    )
    return connection.scalar(rows) or 0


def _is_test() -> Any:
    return exists().where(Notification.pk == Delivery.notification_id, Notification.is_test)
