"""`carillon init`: the database, at this version's schema."""

import click

from dashboard.cli.command import Command, bare_app
from tasks import schema
from tasks.config import load

SAID = {
    "empty": "The database is made: {}", "behind": "The database is brought up to date: {}",
    "current": "The database was up to date: {}",
}


@click.command(cls=Command)
def init() -> None:
    """Make the database, or bring it up to date. Nothing else is touched; it may be run at any time."""
    config = load()
    with bare_app(config, new=True) as app:
        before = schema.migrate()
        click.echo(SAID[before].format(_shown(app.config["SQLALCHEMY_DATABASE_URI"])))


def _shown(url: str) -> str:
    """The address without a password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
