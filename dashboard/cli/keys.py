"""`carillon key`: API keys of services. A key is printed once, alone on a line, to stdout."""

from datetime import timedelta

import click

from dashboard import keys, rotation
from dashboard.cli.arguments import Span
from dashboard.cli.command import Group, with_app
from dashboard.cli.output import add, out, remark, table
from tasks.models.types import utcnow
from tasks.models.words import OUTSIDE_CHANNELS, SCOPES

USUAL = tuple(scope for scope in SCOPES if scope != "keys")  # a key that makes keys is asked for by name


@click.group(cls=Group)
def key() -> None:
    """API keys of services."""


@key.command("create")
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="What it may do. Default: everything but keys.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lives. Default: until it is switched off.")
@click.option("--test", is_flag=True, help="A test key: whatever it sends goes to the simulator.")
@click.option("--template", "templates", multiple=True, metavar="SLUG", help="It may send only these. Default: all.")
@click.option("--channel", "channels", type=click.Choice(OUTSIDE_CHANNELS), multiple=True, help="It may ring only these.")
@click.option("--rate", type=click.IntRange(1, keys.MOST_A_MINUTE), help="Requests a minute. Default: CARILLON_API_RATE.")
@with_app
def create(
    name: str, scopes: tuple[str, ...], days: int | None, test: bool, templates: tuple[str, ...], channels: tuple[str, ...],
    rate: int | None,
) -> None:
    """Make a key and print it: once, alone on a line. Nobody can read it again."""
    expires_at = utcnow() + timedelta(days=days) if days else None
    limits = keys.Limits(test=test, templates=templates or None, channels=channels or None, rate_per_minute=rate)
    row, plaintext = keys.create_key(name, scopes or USUAL, "cli", expires_at, limits)
    what = "test key" if test else "key"
    remark(f"The {what} {row.name!r} may: {', '.join(row.scopes)}. It is shown only now:")
    click.echo(plaintext)


@key.command("rotate")
@click.argument("key", metavar="NAME|PREFIX")
@click.option("--overlap", type=Span(), default="24h", show_default=True, help="How long the old one still works: 30m, 24h, 0.")
@with_app
def rotate(key: str, overlap: timedelta) -> None:
    """Make a key with the same name and rights and print it; the old one works for the overlap, then no more."""
    old = rotation.named(key)
    made, plaintext = rotation.rotate(old, "cli", overlap)
    ends = rotation.named(old.prefix).expires_at
    remark(f"{old.prefix} works until {ends:%Y-%m-%d %H:%M} UTC. The next key of {made.name!r} is shown only now:")
    click.echo(plaintext)


@key.command("revoke")
@click.argument("key", metavar="NAME|PREFIX")
@with_app
def revoke(key: str) -> None:
    """Switch a key off for good. Live connections opened with its tokens end within seconds."""
    row = rotation.named(key)
    remark(f"{row} is off." if rotation.revoke(row, "cli") else f"{row} was off already.")


@key.command("list")
@with_app
def list_keys() -> None:
    """Show every key with what it may do."""
    found = table("name", "prefix", "kind", "may", "last used", "expires", "state")
    for row in rotation.every():
        moments = (f"{moment:%Y-%m-%d %H:%M}" if moment else "never" for moment in (row.last_used_at, row.expires_at))
        add(found, row.name, row.prefix, row.kind, ", ".join(row.scopes), *moments, rotation.state(row))
    out.print(found)
