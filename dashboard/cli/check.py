"""`carillon check`: every problem of the configuration, with its fix, before anything starts."""

from collections.abc import Iterator
from typing import Literal

import click
from sqlalchemy.exc import DBAPIError

from dashboard.cli.command import Command, bare_app, database_words
from dashboard.cli.output import out
from tasks import schema
from tasks.config import Settings, load
from tasks.config_check import Problem
from tasks.config_check import check as check_settings
from tasks.errors import ConfigurationError
from tasks.queue import huey

MARKS = {"error": "[red]✗[/]", "warning": "[yellow]•[/]"}


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that the web process will listen on.")
@click.pass_context
def check(ctx: click.Context, host: str) -> None:
    """List every configuration problem with its fix. Exit status 1 where there is one; notes are no problems."""
    problems = list(_problems(host))
    for problem in problems:
        out.print(f"{MARKS[problem.level]} {problem.variable}: ", end="")
        out.print(problem.detail, markup=False, soft_wrap=True)
        out.print(f"  {problem.fix}", style="dim", markup=False, soft_wrap=True)
    errors = sum(problem.level == "error" for problem in problems)
    notes = len(problems) - errors
    out.print(f"{_count(errors, 'problem')}, {_count(notes, 'note')}." if problems else "No problems.")
    if errors:
        ctx.exit(1)


def _problems(host: str) -> Iterator[Problem]:
    try:
        config = load()
    except ConfigurationError as error:
        for line in error.detail.split("; "):
            variable, _, detail = line.partition(": ")
            yield Problem("error", variable, detail, error.remedy)
        return
    found = check_settings(config, host=host)
    yield from (problem for problem in found if problem.level == "error")
    yield from _connections(config)
    yield from (problem for problem in found if problem.level != "error")


def _connections(config: Settings) -> Iterator[Problem]:
    """What only trying tells: does the database answer, is it migrated, does the queue answer?"""
    try:
        with bare_app(config):
            yield from _tables()
            yield from _queue()
    except ConfigurationError as error:
        level: Literal["error", "warning"] = "warning" if error.field == "CARILLON_HOME" else "error"
        yield Problem(level, error.field, error.detail, error.remedy)
    except DBAPIError as error:
        yield Problem("error", "CARILLON_DATABASE_URL", database_words(error), "Correct it, or start the server.")


def _tables() -> Iterator[Problem]:
    if schema.state() != "current":
        yield Problem("error", "CARILLON_DATABASE_URL", "it does not have this version's tables.", "Run `carillon init`.")


def _queue() -> Iterator[Problem]:
    try:
        huey.pending_count()
    except Exception as error:  # whatever its store raises
        yield Problem("error", "CARILLON_QUEUE_URL", f"the queue does not answer: {error}.", "Correct it, or start the server.")


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
