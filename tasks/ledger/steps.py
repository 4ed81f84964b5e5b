"""Steps of the database's wall clock: what waits in the ledger waits by true time, whatever a clock is set to meanwhile.

Moments that people gave (a schedule, a window, an expiry) stay where they are: those are meant by the wall clock.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from tasks.database import reading, writing
from tasks.models import Breaker, Delivery, Installation
from tasks.models.delivery import DUE
from tasks.models.types import db_clock, moved

SMALLEST = 3.0  # seconds: a smaller step is not worth touching the rows
LONGEST_LOOK = 1.0  # seconds: after a slower one nobody can tell at which moment the database read its clock
FIRST_LOOKS = 5  # tries at one that is quick enough: a machine that is busy starting is slow
log = logging.getLogger(__name__)


def elapsed() -> float:
    """Seconds of true time, sleep of the machine included: a laptop that wakes up has seen no step."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Steps:
    """Compares the database's clock with true time, again and again. Of several processes that see a step one makes it good."""

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._before: tuple[datetime, float, int] | None = None  # the database's time, true time, steps made good so far

    def begin(self) -> None:
        """Take the first look, before this process times anything: what a clock did before that cannot be seen."""
        for _ in range(FIRST_LOOKS):
            self.look()
            if self._before is not None:
                return

    def look(self) -> float:
        """Make good what the clock did since the last look. Returns the step in seconds, 0.0 where there was none for us."""
        started = self._clock()
        with reading() as connection:
            now, count = connection.execute(select(db_clock(), Installation.clock_steps)).one()
        if self._clock() - started > LONGEST_LOOK:
            return 0.0
        before, self._before = self._before, (now, started, count)
        if before is None or before[2] != count:
            return 0.0  # nothing to compare with; or another process was quicker
        step = (now - before[0]).total_seconds() - (started - before[1])
        if abs(step) < SMALLEST or not _make_good(step, count, now):
            return 0.0
        log.warning("the database's clock was stepped by %+.0f seconds; retries keep their true distance", step)
        self._before = (now, started, count + 1)
        return step


def _make_good(step: float, count: int, now: datetime) -> bool:
    """Move what waits by `step`. False where another process has done it."""
    with writing() as connection:
        mine = update(Installation).where(Installation.clock_steps == count).values(clock_steps=count + 1)
        if not connection.execute(mine).rowcount:
            return False
        _move(connection, step, now)
        return True


def _move(connection: Connection, step: float, now: datetime) -> None:
    """Set forward: what only the step made due waits on. Set back: what the step put off comes as soon as it would have.

    Rows written between the step and this look are timed by the new clock already, and are left alone as far as one can tell.
    """
    waits = Delivery.next_attempt_at
    passed = waits.between(now - timedelta(seconds=step), now - timedelta(seconds=SMALLEST)) if step > 0 else waits > now
    connection.execute(update(Delivery).where(DUE, passed).values(next_attempt_at=moved(waits, step)))
    connection.execute(
        update(Breaker)
        .where(Breaker.next_probe_at.is_not(None))
        .values(next_probe_at=moved(Breaker.next_probe_at, step), opened_at=moved(Breaker.opened_at, step))
    )
