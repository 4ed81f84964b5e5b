"""Group commit: on SQLite, requests that wait for the one writer share its next transaction, and so one wait for the disk.

Each runs behind a savepoint of its own, in its own context, one after the other: what it raises undoes it alone, and nobody hears
of success before the commit. Where the database itself fails before that, all is undone and each runs again by itself, so every
one meets exactly what it would have met alone. PostgreSQL does the like by itself for transactions that commit at one moment.
"""

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tasks.database import writing

T = TypeVar("T")
Work = Callable[[Connection], Any]

MOST = 32  # in one transaction: those who come after them do not wait for more


def together(work: Callable[[Connection], T]) -> T:
    """What `work` returns, once its writes are committed. It may run in another thread, never twice with effect.

    Never speak to a network inside it, nor begin another transaction. Raises what it raises, its writes undone.
    """
    group: _Group | None = current_app.extensions.get("carillon.together")
    if group is None:
        with writing() as connection:
            return work(connection)
    found: T = group.run(work)
    return found


def init_together(app: Any) -> None:
    """Let the threads of `app` share their transactions: for SQLite, where there is one writer."""
    app.extensions["carillon.together"] = _Group()


class _Member:
    """One piece of work, and what became of it. `is_done` is False where it has to run again, alone."""

    def __init__(self, work: Work) -> None:
        self._work, self._context = work, contextvars.copy_context()
        self.turn = threading.Lock()  # held until it is done, or has to lead
        self.turn.acquire()
        self.is_done, self.leads = False, False
        self.answer: Any = None
        self.error: BaseException | None = None

    def do(self, connection: Connection) -> None:
        self.answer = self._context.run(self._work, connection)

    def end(self, error: BaseException | None = None) -> None:
        self.is_done, self.error = True, error


class _Group:
    """Who waits for the writer. The first becomes the leader, writes for all that came meanwhile, and names the next one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[_Member] = []
        self._is_led = False

    def run(self, work: Work) -> Any:
        mine = _Member(work)
        with self._guard:
            self._waiting.append(mine)
            mine.leads, self._is_led = not self._is_led, True
        if not mine.leads:
            mine.turn.acquire()
        if mine.leads:
            self._lead(mine)
        if not mine.is_done:
            with writing() as connection:
                mine.do(connection)
        elif mine.error is not None:
            raise mine.error
        return mine.answer

    def _lead(self, leader: _Member) -> None:
        members: list[_Member] = []
        try:
            with writing() as connection:
                members = self._gather()
                _run(connection, members)
                for member in members:
                    member.end(member.error)  # from here on a failure is the commit's, and nobody may try again
        except _Undone:
            pass  # each by itself
        except BaseException as error:
            if not members:
                with self._guard:
                    self._waiting.remove(leader)
                leader.end(error)
            for member in members:
                member.end(error)
        finally:
            self._pass_on()
            for member in members:
                if member is not leader:
                    member.turn.release()

    def _gather(self) -> list[_Member]:
        with self._guard:
            members, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        return members

    def _pass_on(self) -> None:
        with self._guard:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()


class _Undone(Exception):
    """The shared transaction was rolled back."""


def _run(connection: Connection, members: Sequence[_Member]) -> None:
    if len(members) == 1:
        members[0].do(connection)
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute("BEGIN IMMEDIATE")  # else the first savepoint would begin one without the write lock
    for member in members:
        driver.execute("SAVEPOINT one")
        try:
            member.do(connection)
        except SQLAlchemyError as error:  # a full disk, for one, may have undone more than this
            raise _Undone from error
        except Exception as error:
            member.error = error
            driver.execute("ROLLBACK TO one")
        driver.execute("RELEASE one")
