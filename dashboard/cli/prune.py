"""`carillon prune`: forget what nobody needs any more. It only says what it would do, until it is told to."""

import click

from dashboard.cli.command import Command, with_app
from dashboard.cli.output import add, out, remark, table
from tasks import retention
from tasks.config import settings
from tasks.ledger import processes


@click.command(cls=Command)
@click.option("--days", type=click.IntRange(1), help="Keep messages, their log and the answers for repeats this long.")
@click.option("--yes", is_flag=True, help="Really delete.")
@with_app
def prune(days: int | None, yes: bool) -> None:
    """Delete what is older than CARILLON_KEEP_DAYS, and what processes left that ended. Without --yes: only count."""
    if yes:
        processes.dead_processes()
    counted = table("what", "deleted" if yes else "would go")
    total = 0
    for kind in retention.kinds(days or settings().keep_days):
        number = kind.remove() if yes else kind.count()
        total += number
        add(counted, kind.name, f"{number:,}")
    out.print(counted)
    if total and not yes:
        remark("Nothing was deleted. Add --yes to do it.")
