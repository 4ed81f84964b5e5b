"""One message at a time, and a thousand in one call, beside the rows they cannot do without."""

import statistics
from collections.abc import Callable
from typing import Any

from dashboard.bench import bare
from dashboard.bench.ground import SAME
from dashboard.bench.measure import Line, percentile, seconds, turns
from tasks import notify, notify_bulk
from tasks.extensions import db

AT_ONCE = {"sqlite": 5.0, "postgresql": 8.0}  # ms, median of a synchronous send with in-app only
TO_QUEUE = 10.0  # ms, 99th percentile
BULK, BULK_LIMIT = 1_000, 2.0  # people, seconds


def at_once(rounds: int) -> Line:
    """notify() to one person, in-app: written and done when it returns."""
    return _one("notify(), in-app, done", lambda: notify("0", SAME, amount=1), rounds, 50, AT_ONCE[db.engine.dialect.name])


def to_queue(rounds: int) -> Line:
    """notify(async_send=True): on record and queued when it returns."""
    return _one("notify(async_send=True), queued", lambda: notify("0", SAME, async_send=True, amount=1), rounds, 99, TO_QUEUE)


def bulk(rounds: int) -> Line:
    """notify_bulk() to 1,000 people, recorded when it returns."""
    people = [str(number) for number in range(BULK)]
    found = turns(lambda: seconds(lambda: notify_bulk(people, SAME, amount=1)), lambda: bare.single(BULK), rounds)
    took = statistics.median(found.ours)
    return Line(
        f"notify_bulk() of {BULK:,}", f"{took:.2f} s", f"{statistics.median(found.bare):.2f} s bare", found.ratio,
        f"< {BULK_LIMIT:.0f} s", took < BULK_LIMIT,
    )


def _one(name: str, send: Callable[[], Any], rounds: int, part: int, limit: float) -> Line:
    send()  # the template is compiled, the process registered
    found = turns(lambda: seconds(send), lambda: bare.single(1), rounds)
    ours, plain = ([taken * 1000 for taken in column] for column in (found.ours, found.bare))
    return Line(
        name, _shown(ours), f"{_shown(plain)} bare", found.ratio, f"p{part} < {limit:.0f} ms", percentile(ours, part) < limit
    )


def _shown(milliseconds: list[float]) -> str:
    return f"p50 {percentile(milliseconds, 50):.1f}, p99 {percentile(milliseconds, 99):.1f} ms"
