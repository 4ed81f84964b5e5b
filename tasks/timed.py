"""Reading with a limit of time: who waits at a screen would rather hear "it takes too long" than nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from tasks.database import reading
from tasks.errors import CarillonError

STEPS = 20_000  # of SQLite's machine between two looks at the clock: about a millisecond
CANCELLED = "57014"  # PostgreSQL's word for a statement that was ended


class TookTooLong(CarillonError):
    """The database was stopped, because the answer would have come too late."""

    code = "took_too_long"
    status = 503


class Deadline:
    """A moment in the future, on this process's own clock."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; never negative."""
        return max(0.0, self._at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """True from then on."""
        return not self.left


@contextmanager
def hurried(seconds: float) -> Iterator[Connection]:
    """A connection for reading whose every statement is stopped when `seconds` are over. Raises TookTooLong.

    It may be used for one more statement after that only through another `hurried`.
    """
    deadline = Deadline(seconds)
    with reading(in_transaction=True) as connection:
        try:
            if connection.dialect.name == "sqlite":
                with _watched(connection, deadline):
                    yield connection
            else:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
                yield connection
        except OperationalError as error:
            if not _was_stopped(error):
                raise
            raise TookTooLong("It took too long.", remedy="Ask for less, or use fields that have an index.") from None


@contextmanager
def _watched(connection: Connection, deadline: Deadline) -> Iterator[None]:
    raw: Any = connection.connection.dbapi_connection
    raw.set_progress_handler(lambda: int(deadline.is_over), STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


def _was_stopped(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlstate", None) == CANCELLED or "interrupted" in str(error.orig)
