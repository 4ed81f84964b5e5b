"""The database connection: SQLite's pragmas, the writing transaction, and the installation's key."""

import fcntl
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from tasks.config import Settings
from tasks.errors import ConfigurationError
from tasks.extensions import db
from tasks.models import Installation

BUSY_TIMEOUT = 10.0  # seconds
PING_AFTER = 1.0  # seconds that a connection lay idle


def engine_options(config: Settings) -> dict[str, object]:
    """SQLAlchemy engine options for the configured database."""
    if config.database.startswith("sqlite"):
        # IMMEDIATE: the driver opens every writing transaction with the write lock in hand. A transaction that upgrades
        # half-way fails at once under load, whatever the busy timeout. Reads stay outside any transaction.
        how = {"timeout": BUSY_TIMEOUT, "isolation_level": "IMMEDIATE"}
        return {"connect_args": how, "pool_size": 20, "max_overflow": 40, "pool_use_lifo": True}
    return {"connect_args": {"connect_timeout": 5}, "pool_size": 10, "max_overflow": 20, "pool_use_lifo": True}


def init_database(app: Flask, config: Settings) -> None:
    """Bind Flask-SQLAlchemy to the configured database and prepare its connections."""
    if config.database.startswith("sqlite:///"):
        config.home.mkdir(parents=True, exist_ok=True)
    app.config.update(SQLALCHEMY_DATABASE_URI=config.database, SQLALCHEMY_ENGINE_OPTIONS=engine_options(config))
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _sqlite_pragmas)
            app.extensions["carillon.write_lock"] = FairLock()
            app.extensions["carillon.write_turn"] = Turn(db.engine.url.database)
        else:
            event.listen(db.engine, "checkin", _note_checkin)
            event.listen(db.engine, "checkout", _ping_if_idle)
            # A look needs no transaction around it: BEGIN and ROLLBACK are two more journeys to the server.
            app.extensions["carillon.reader"] = db.engine.execution_options(isolation_level="AUTOCOMMIT")
    app.extensions["carillon.public_id_key"] = _key_reader()


def _sqlite_pragmas(connection: object, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={int(BUSY_TIMEOUT * 1000)}"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _note_checkin(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def _ping_if_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask whether the server is still there, of a connection that lay idle: one in use a moment ago need not be asked."""
    if time.monotonic() - record.info.get("idle_since", math.inf) < PING_AFTER:
        return
    try:
        db.engine.dialect.do_ping(connection)
    except db.engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error  # the pool opens another one


class FairLock:
    """A first-come-first-served lock. SQLite's own waiting is a lottery with growing sleeps: some wait 100 times longer."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False
        self._holder = 0

    def __enter__(self) -> None:
        with self._guard:
            if self._held and self._holder == threading.get_ident():
                raise RuntimeError("a writing transaction inside another one would wait for itself")
            if not self._held:
                self._held, self._holder = True, threading.get_ident()
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # released by the holder before us, who hands the lock over
        self._holder = threading.get_ident()

    def __exit__(self, *_error: object) -> None:
        with self._guard:
            self._holder = 0  # before the hand-over: this thread may want the lock again before the next one has woken
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class Turn:
    """The same among processes: the system wakes who waits for a locked file, where SQLite would sleep and look, and again.

    Without it, one process that writes page after page leaves gaps of a millisecond that the others' looks miss for seconds.
    Used under the FairLock, so by one thread of a process at a time. A process that dies gives it back.
    """

    def __init__(self, database: str | None) -> None:
        self._path = f"{database}-turn" if database and database != ":memory:" else ""
        self._pid, self._file = 0, -1
        self._closing: weakref.finalize[[int], Turn] | None = None

    def __enter__(self) -> None:
        if self._path:
            if self._pid != os.getpid():  # the first time, or after a fork: a file that is inherited is locked for both
                self._pid, self._file = os.getpid(), os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._closing = weakref.finalize(self, os.close, self._file)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_error: object) -> None:
        if self._path:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; the next turn opens it again."""
        if self._closing is not None and self._pid == os.getpid():
            self._closing()
        self._pid = 0


@contextmanager
def writing() -> Iterator[Connection]:
    """One short writing transaction on a connection of its own: committed at the end, rolled back whole on any error.

    Never speak to a network inside it.
    """
    engine = db.engine
    lock = _write_lock()
    if lock is None:
        with engine.begin() as connection:
            yield connection
        return
    with lock, current_app.extensions["carillon.write_turn"], engine.begin() as connection:
        yield connection


def close() -> None:
    """Close all that the current app holds of the database: before a fork, and at the end. The next use opens it again."""
    db.engine.dispose()
    turn: Turn | None = current_app.extensions.get("carillon.write_turn")
    if turn is not None:
        turn.close()


@contextmanager
def reading(*, in_transaction: bool = False) -> Iterator[Connection]:
    """A connection for reading only; it goes back to the pool at the end. `in_transaction`: for what is SET LOCAL."""
    reader: Engine | None = None if in_transaction else current_app.extensions.get("carillon.reader")
    with (reader or db.engine).connect() as connection:
        yield connection


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A connection whose every read sees the database as it was at the first one, however long that takes. It writes nothing.

    On SQLite writers go on meanwhile, and the write-ahead file grows until it ends.
    """
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def upsert(table: Any, dialect: str) -> Any:
    """An INSERT that knows ON CONFLICT (the generic one does not), for the dialect's name."""
    return sqlite_insert(table) if dialect == "sqlite" else postgresql_insert(table)


def _write_lock() -> FairLock | None:
    lock: FairLock | None = current_app.extensions.get("carillon.write_lock")
    return lock


def _key_reader() -> Callable[[], bytes]:
    """Reads the installation's key, which the first migration made, once per app."""
    known: list[bytes] = []

    def read() -> bytes:
        if not known:
            with reading() as connection:
                key = connection.scalar(select(Installation.key))
            if key is None:
                raise ConfigurationError("The installation's key is missing from the database.", remedy="Run `carillon init`.")
            known.append(key)
        return known[0]

    return read
