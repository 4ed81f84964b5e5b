"""The `carillon` command: one family of commands a file. `main` is the console script."""

import os
import time

import click
from flask import Flask

from dashboard.api import VERSION
from dashboard.cli import (
    access,
    bench,
    broadcasts,
    check,
    database,
    demo,
    explain,
    keys,
    people,
    proof,
    prune,
    rounds,
    send,
    status,
    up,
    worker,
)

COMMANDS: tuple[click.Command, ...] = (
    up.up, database.init, demo.demo, check.check, worker.worker, access.operator, keys.key, people.recipients, send.send,
    broadcasts.broadcast, broadcasts.pause, broadcasts.resume, broadcasts.cancel, rounds.finish, proof.proof,
    status.status, explain.explain, prune.prune, bench.bench,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="carillon")
def cli() -> None:
    """Carillon: one keyboard, many bells. Settings come from the environment (CARILLON_...); see the README."""


for _command in COMMANDS:
    cli.add_command(_command)


def register(app: Flask) -> None:
    """Give `flask --app wsgi` the same commands."""
    for command in COMMANDS:
        app.cli.add_command(command)


def main() -> None:
    """Run the command line. Every process of Carillon counts in UTC: Huey reads naive times as local ones."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    cli()
