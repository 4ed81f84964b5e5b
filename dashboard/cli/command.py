"""What every command has: errors in one line with their remedy, and the sender's app where it needs one."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from flask import Flask, has_app_context
from sqlalchemy.exc import ArgumentError, DBAPIError

from tasks import database, schema
from tasks.config import Settings, load
from tasks.errors import CarillonError, ConfigurationError
from tasks.extensions import db
from tasks.ledger import processes
from tasks.live import init_live
from tasks.queue import huey
from tasks.setup import init_app

P = ParamSpec("P")
R = TypeVar("R")


class Command(click.Command):
    """A command that ends with one line on stderr and status 1 where something is wrong: never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it. Raises ClickException for everything that a person can mend."""
        try:
            return super().invoke(ctx)
        except CarillonError as error:
            raise click.ClickException(str(error)) from None
        except DBAPIError as error:
            raise click.ClickException(database_words(error)) from None
        except (OSError, sqlite3.Error) as error:  # the queue's SQLite file comes without SQLAlchemy
            raise click.ClickException(f"{error}. Check CARILLON_HOME, its permissions and the space on its disk.") from None


class Group(click.Group):
    """A family of such commands."""

    command_class = Command


def with_app(function: Callable[P, R]) -> Callable[P, R]:
    """Run a command inside an app's context: that of `flask --app wsgi`, else a bare one that can send, closed afterwards."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if has_app_context():
            return _explained(function, *args, **kwargs)
        with bare_app(load()):
            return _explained(function, *args, **kwargs)

    return run


@contextmanager
def bare_app(config: Settings, *, new: bool = False) -> Iterator[Flask]:
    """An app without dashboard or sockets, its context pushed. All its connections are closed at the end.

    Raises ConfigurationError where an address is malformed or its driver missing, and where there is no installation in HOME
    yet, unless it is to be made (`new`).
    """
    if not new:
        _require_installation(config)
    app = Flask("carillon-cli")
    app.extensions["carillon.kind"] = "cli"
    try:
        init_app(app, config)
        init_live(app, server=False)
    except (ArgumentError, ImportError, ValueError) as error:
        raise _unusable_address(config, error) from None
    with app.app_context():
        try:
            yield app
        finally:
            _close(app)


def _close(app: Flask) -> None:
    for provider in app.extensions["carillon.providers"].values():
        provider.close()
    db.session.remove()
    with suppress(DBAPIError):
        processes.end()
    database.close()
    huey.storage.close()


def _unusable_address(config: Settings, error: Exception) -> ConfigurationError:
    """The database's or the queue's: SQLAlchemy names its own errors, everything else is the queue's."""
    if isinstance(error, ModuleNotFoundError) and error.name in {"psycopg", "redis"}:
        return ConfigurationError(
            f"The Python package {error.name} is missing.", field="CARILLON_DATABASE_URL",
            remedy="Install Carillon with the extra it needs: pip install 'carillon[postgres,redis]'.",
        )
    name = "CARILLON_DATABASE_URL" if isinstance(error, ArgumentError | ModuleNotFoundError) else "CARILLON_QUEUE_URL"
    return ConfigurationError(
        f"{name} is no address that can be used: {str(error).rstrip('.')}.", field=name,
        remedy="Write postgresql://user:password@host/name and redis://host:6379/0, or leave it out for SQLite.",
    )


def _require_installation(config: Settings) -> None:
    path = config.database.removeprefix("sqlite:///").partition("?")[0]
    if config.database.startswith("sqlite:///") and not Path(path).is_file():
        raise ConfigurationError(
            f"There is no installation in {config.home}: {path} does not exist.", field="CARILLON_HOME",
            remedy="Make one with `carillon init` or `carillon up`, or point CARILLON_HOME at yours.",
        )


def database_words(error: DBAPIError) -> str:
    """What a database said that refuses, and where to look."""
    words = str(error.orig).strip().partition("\n")[0].rstrip(".")
    return f"The database refuses: {words}. Check CARILLON_DATABASE_URL, and that its server is up."


def _explained(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run it; an error that comes of an older or newer schema says so. Raises ClickException."""
    try:
        return function(*args, **kwargs)
    except DBAPIError as error:
        db.session.rollback()
        with suppress(DBAPIError):
            if schema.state() != "current":
                raise click.ClickException("The database does not have this version's tables. Run `carillon init`.") from None
        raise click.ClickException(database_words(error)) from None
