"""`carillon worker`: processes that only send. They load nothing of the dashboard."""

import os
import sys

import click

from dashboard.cli.command import Command, bare_app
from tasks import neighbours, schema
from tasks.config import load
from tasks.config_check import refuse
from tasks.errors import ConfigurationError


@click.command(cls=Command)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="How many processes.")
def worker(workers: int) -> None:
    """Deliver what is queued, until SIGTERM or Ctrl-C: what is in hand is finished, the rest stays queued for the next one."""
    config = load()
    refuse(config)
    with bare_app(config):
        if schema.state() != "current":
            raise ConfigurationError("The database does not have this version's tables.", remedy="Run `carillon init`.")
        neighbours.refuse_deaf(neighbours.SERVING)
    # A new program in this very process: the dashboard that the command line had to load is gone from its memory.
    # -P: a folder `tasks` of whoever stands in this directory is not ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tasks.workers", str(workers)])  # noqa: S606
