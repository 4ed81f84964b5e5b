"""`carillon demo`: data to look at."""

import click

from dashboard.cli.command import Command, with_app
from dashboard.cli.output import remark
from dashboard.demo.load import load
from tasks.channels import provider_name
from tasks.config import settings
from tasks.models.words import SMS


@click.command(cls=Command)
@with_app
def demo() -> None:
    """Load the demo data: templates, rules, 300 people, segments, an API key. What is there already stays as it is."""
    settings().make_secret()
    load_and_tell()


def load_and_tell() -> None:
    """Load it and say what is new; the key on stdout, alone on a line."""
    made = load()
    if not made:
        remark("The demo data is there already; nothing was changed.")
        return
    remark(f"Demo data: {made.templates} templates, {made.rules} rules, {made.people} people, {made.segments} segments.")
    if provider_name(SMS, settings()) != "simulator":
        remark("SMS has a real provider here, and the demo's people are made up: do not broadcast to them.")
    if made.key:
        remark("An API key that may do everything, shown only now:")
        click.echo(made.key)
