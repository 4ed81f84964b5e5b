"""Writing down what cannot be done again: while the database is away, what a provider answered is kept and tried anew."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

AWAY = (OperationalError, InterfaceError, PoolTimeout)  # locked, full, restarting, gone
REST = 0.2  # seconds between two tries
LAST_TRIES = 10.0  # seconds that are left once the process is asked to end
Result = TypeVar("Result")
log = logging.getLogger(__name__)


def insist(work: Callable[[bool], Result], seconds: float, stopping: Callable[[], bool]) -> Result:
    """Run `work`, one whole transaction, until the database takes it; for at most `seconds`, and not much longer once `stopping`.

    `work` is told whether it was tried before: a commit whose acknowledgement was lost may have happened. Raises the last error.
    """
    deadline = time.monotonic() + seconds
    again = False
    while True:
        try:
            return work(again)
        except AWAY as error:
            if stopping():
                deadline = min(deadline, time.monotonic() + LAST_TRIES)
                stopping = _no
            if time.monotonic() > deadline:
                raise
            if not again:
                log.warning("a result waits until the database is back: %s", str(error).partition("\n")[0])
            again = True
            time.sleep(REST)


def _no() -> bool:
    return False
