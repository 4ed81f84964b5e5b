"""`carillon bench`: the speed of this machine, each figure beside a reference from the same run."""

import os
import platform
from collections.abc import Callable

import click
from rich.text import Text

from dashboard.bench import fanout, single, wire
from dashboard.bench.ground import fill, ground
from dashboard.bench.measure import Line
from dashboard.bench.sink import sink
from dashboard.cli.command import Command
from dashboard.cli.output import add, out, remark, table
from tasks.extensions import db

PEOPLE, MESSAGES, MAILS, ROUNDS, SENDS = 100_000, 5_000, 2_000, 3, 200
QUICK = 5  # a fifth of everything: too few for a verdict
VERDICT = {True: Text("reached", style="green"), False: Text("missed", style="red"), None: Text("")}


@click.command(cls=Command)
@click.option("--database", default="", help="An empty PostgreSQL database, postgresql://...; default: SQLite in a new folder.")
@click.option("--quick", is_flag=True, help="A fifth of the size: rougher figures, and no verdicts.")
def bench(database: str, quick: bool) -> None:
    """Measure the speed of Carillon on this machine, in a temporary folder. Your own data and providers are not touched.

    Each figure stands beside a reference that took turns with it; a ratio holds where machines and moments differ.
    """
    part = QUICK if quick else 1
    with sink() as port, ground(database, smtp_url=f"smtp://127.0.0.1:{port}", mail_from="bench@example.test"):
        remark(f"{db.engine.dialect.name}, {os.cpu_count()} cores, Python {platform.python_version()}.")
        fill(PEOPLE // part)
        shown = table("what", "here", "reference", "time to reference", "target", "")
        for measure in _measures(part, port):
            line = measure()
            remark(f"{line.name}: {line.figure}")  # a minute with nothing to see is long
            ratio = "" if line.ratio is None else f"{line.ratio:.2f} x"
            add(shown, line.name, line.figure, line.reference, ratio, line.target, VERDICT[None if quick else line.held])
    out.print(shown)


def _measures(part: int, port: int) -> list[Callable[[], Line]]:
    people, sends = PEOPLE // part, SENDS // part + 20
    return [
        lambda: single.at_once(sends),
        lambda: single.to_queue(sends),
        lambda: single.bulk(ROUNDS),
        lambda: fanout.one_text(people, ROUNDS),
        lambda: fanout.own_text(people, ROUNDS),
        lambda: wire.simulated(MESSAGES // part),
        lambda: wire.mailed(MAILS // part, ROUNDS, port),
    ]
