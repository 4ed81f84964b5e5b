"""Commands in this very process, in a fresh installation that only the environment names."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboard.cli import cli
from dashboard.cli.command import bare_app
from tasks.config import load

Carillon = Callable[..., Result]
Inside = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that names a home where nothing is yet."""
    for name in [name for name in os.environ if name.startswith("CARILLON_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CARILLON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CARILLON_SECRET_KEY", "a-test-secret-of-32-bytes-or-more")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def home(no_home: Path, migrated_sqlite: Path) -> Path:
    """A home with an empty, migrated database."""
    no_home.mkdir()
    shutil.copy(migrated_sqlite, no_home / "carillon.db")
    return no_home


@pytest.fixture
def carillon(no_home: Path, monkeypatch: pytest.MonkeyPatch) -> Carillon:
    """Run a command; an exception that is none of click's fails the test, and so does becoming another program."""
    monkeypatch.setattr(os, "execv", lambda *arguments: pytest.fail(f"it became {arguments}"))

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def inside(home: Path) -> Inside:
    """The installation's own context, to prepare rows in and to look at them."""

    @contextmanager
    def enter() -> Iterator[None]:
        with bare_app(load()):
            yield

    return enter
