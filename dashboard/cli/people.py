"""`carillon recipients import`: people from a file, with a progress bar and every bad row by its line."""

from pathlib import Path

import click
from rich.progress import Progress as Bar

from dashboard.cli.command import Group, with_app
from dashboard.cli.output import err, remark
from tasks.audience.importer import import_csv

SHOWN = 50  # errors that are printed; the others are counted


@click.group(cls=Group)
def recipients() -> None:
    """The people who get messages."""


@recipients.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_app
def import_(file: Path) -> None:
    """Create and update people from FILE, a CSV with a header: id, name, email, phone, locale, timezone, country, token; any
    other column is an attribute. A bad row is reported and stops nobody else; exit status 1 where there is one.
    """
    saved = failed = 0
    with Bar(console=err, transient=True) as bar:
        task = bar.add_task("Importing")
        for step in import_csv(file):
            saved = step.saved
            for error in step.errors[: max(SHOWN - failed, 0)]:
                remark(str(error))
            failed += len(step.errors)
            bar.update(task, total=step.total, completed=step.read)
    if failed > SHOWN:
        remark(f"... and {failed - SHOWN} more.")
    click.echo(f"{saved} people imported, {failed} rows refused.")
    if failed:
        raise click.exceptions.Exit(1)
