"""Fixtures of every test: real SQLite files, and PostgreSQL and Redis where they are up."""

import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from flask import Flask
from flask_migrate import upgrade

from dashboard import create_app
from tasks import database
from tasks.config import Settings
from tasks.extensions import db
from tasks.logs import TALKATIVE
from tests import factories

POSTGRES = os.environ.get("CARILLON_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
REDIS = os.environ.get("CARILLON_TEST_REDIS", "redis://127.0.0.1:6379")


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _absent(server: str, words: str) -> NoReturn:
    """Skip, unless .ci/run found the server answering: then a skip would hide something."""
    if server in os.environ.get("CARILLON_TEST_NEED", "").split():
        pytest.fail(f"{words}, and this run needs it")
    pytest.skip(words)


def _let_in() -> bool:
    try:
        psycopg.connect(f"{POSTGRES}/postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What `init_logging` sets holds for the whole process; left so, it would mute the tests that come after."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    loggers = [logging.getLogger(name) for name in (*TALKATIVE, "gunicorn")]
    kept = [(logger, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, its_level, propagate in kept:
        logger.setLevel(its_level)
        logger.propagate = propagate
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """The number of this pytest-xdist worker, 0 without it: every worker has its own databases."""
    return int(getattr(request.config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest migration, to be copied."""
    home = tmp_path_factory.mktemp("migrated")
    app = create_app(home=home, secret_key="a-test-secret-of-32-bytes-or-more")
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()
    return home / "carillon.db"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated PostgreSQL database of this test process's own, dropped at its end; skips where there is no server."""
    if not _let_in():
        _absent("postgres", "PostgreSQL lets nobody in at CARILLON_TEST_POSTGRES (default: postgres at 127.0.0.1:5432)")
    name = f"carillon_test_{os.getpid()}"
    url = f"{POSTGRES}/{name}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # no test cuts the server's power
        home = tmp_path_factory.mktemp("postgres")
        app = create_app(home=home, database_url=url, secret_key="a-test-secret-of-32-bytes-or-more")
        with app.app_context():
            upgrade()
            db.engine.dispose()
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_url(worker_number: int) -> str:
    """A Redis database of this test worker's own; skips where there is no server."""
    if not _listening(6379):
        _absent("redis", "Redis is not up on 127.0.0.1:6379")
    return f"{REDIS}/{worker_number + 1}"


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: Path) -> dict[str, object]:
    """The settings of `app`; a test module may override this fixture to add its own."""
    return {}


@pytest.fixture
def sqlite_settings(tmp_path: Path, migrated_sqlite: Path) -> dict[str, object]:
    """Settings of a fresh embedded installation."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(migrated_sqlite, home / "carillon.db")
    return {"home": home, "secret_key": "a-test-secret-of-32-bytes-or-more"}


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """What makes the app of a test from its settings; the sender's tests make one without the web surfaces."""
    return create_app


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_settings: dict[str, object], settings: dict[str, object]) -> Iterator[Flask]:
    """A migrated app on SQLite, its context pushed."""
    yield from _running(make_app(**{**sqlite_settings, **settings}))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_app(
    request: pytest.FixtureRequest,
    make_app: Callable[..., Flask],
    sqlite_settings: dict[str, object],
    settings: dict[str, object],
) -> Iterator[Flask]:
    """The same app on SQLite and on PostgreSQL, one test each."""
    extra = {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    yield from _running(make_app(**{**sqlite_settings, **extra, **settings}), empty=request.param == "postgres")


def _running(app: Flask, *, empty: bool = False) -> Iterator[Flask]:
    with app.app_context():
        if empty:
            factories.empty()
        yield app
        for provider in app.extensions["carillon.providers"].values():
            provider.close()
        db.session.remove()
        _close_database()


def _close_database(seconds: float = 5.0) -> None:
    """Close the pool once every connection is back in it: one that a thread still holds would be left open."""
    deadline = time.monotonic() + seconds
    while db.engine.pool.checkedout() and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.01)
    database.close()


def make_settings(**values: object) -> Settings:
    """Settings for tests that need no database."""
    return Settings(**values)  # type: ignore[arg-type]
