"""`carillon broadcast`, `pause`, `resume`, `cancel`: one message to an audience. A worker does the sending."""

from collections.abc import Callable
from typing import Any

import click

from dashboard.cli.arguments import Audience, Duration, Moment, forced_channels, variables
from dashboard.cli.command import Command, with_app
from dashboard.cli.output import as_json, remark
from dashboard.cli.prospect import tell
from tasks import control, neighbours, public_id
from tasks.audience import segments
from tasks.errors import UnknownBroadcast
from tasks.models import Broadcast
from tasks.models.types import utcnow
from tasks.options import Canary, SendOptions
from tasks.rehearsal import rehearse_broadcast
from tasks.send import start_broadcast
from tasks.status import broadcast_status
from tasks.timetable import outlook


@click.command(cls=Command)
@click.argument("slug")
@click.option("--audience", type=Audience(), required=True, help="all, subscribed, a segment's slug, or rules as JSON.")
@forced_channels
@click.option(
    "--send-at", "--at", "send_at", type=Moment(),
    help="Start then, like 2026-01-31T09:00+05:45, or '2026-01-31 09:00' with --timezone.",
)
@click.option("--timezone", default="", metavar="ZONE", help="IANA name, like Europe/Berlin: of --send-at and --window.")
@click.option("--window", metavar="FROM-TO", help="Send only in this part of every day, like 09:00-20:00.")
@click.option("--rate", "rate_per_minute", type=int, metavar="N", help="Hand over at most N messages a minute.")
@click.option(
    "--canary", type=int, metavar="N", callback=lambda _c, _o, people: None if people is None else Canary(people),
    help="N people go first; the rest follows if they fare well.",
)
@click.option("--confirm-count", type=int, metavar="N", help="Refuse to send unless it goes to N people.")
@click.option("--expires-in", type=Duration(), help="Like 90m, 24h or 2d: later it is not sent any more.")
@click.option("--exclude", multiple=True, metavar="SEGMENT", help="Leave out the people of this segment. May be given again.")
@click.option("--dry-run", is_flag=True, help="Send nothing: say who would get it, why others would not, its cost and time.")
@click.option("--plan", "plan_hash", metavar="HASH", help="Of a dry run: send exactly that, or say what has moved since.")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
@variables
@with_app
def broadcast(
    slug: str, audience: Any, channels: tuple[str, ...], exclude: tuple[str, ...], dry_run: bool, machine: bool,
    context: tuple[tuple[str, Any], ...], **more: Any,
) -> None:
    """Send the template SLUG to an audience. Prints the broadcast's id; `carillon status ID` shows how far it is."""
    options = SendOptions(channels=channels or None, actor="cli", **more)
    audience = segments.excluding(audience, exclude)
    if dry_run:
        found = rehearse_broadcast(audience, slug, dict(context), options)
        as_json(found) if machine else tell(found)
        return
    made = start_broadcast(audience, slug, dict(context), options)
    people = segments.count(audience, made.template_version.notification_type)
    remark(f"{made.audience_label}: {people} people now.")
    waits, _ = outlook(made, utcnow())
    if waits:
        remark(f"It waits for {waits}.")
    if _too_slow(made, people):
        remark(f"At {made.rate_per_minute} a minute that takes longer than until {made.expires_at:%Y-%m-%d %H:%M} UTC, when it "
               "expires. Give a longer --expires-in.")
    if not neighbours.alive(neighbours.SENDING):
        remark("No worker is running: it starts as soon as one does (`carillon up` or `carillon worker`).")
    as_json(broadcast_status(made.id)) if machine else click.echo(str(made.id))


@click.command(cls=Command)
@click.argument("id")
@with_app
def pause(id: str) -> None:
    """Stop the broadcast ID for now. What a provider has in hand goes out, and nothing after it."""
    _change(id, control.pause)


@click.command(cls=Command)
@click.argument("id")
@with_app
def resume(id: str) -> None:
    """Let the broadcast ID go on where it stopped, or send it now if its time was missed."""
    _change(id, control.resume)


@click.command(cls=Command)
@click.argument("id")
@with_app
def cancel(id: str) -> None:
    """Stop the broadcast ID for good: what has not been handed over is marked cancelled."""
    _change(id, control.cancel)


def _too_slow(row: Broadcast, people: int) -> bool:
    """True where its rate does not reach everybody in time, on one channel and without a window."""
    assert row.expires_at is not None
    starts = max(row.send_at or row.created_at, row.created_at)
    minutes = (row.expires_at - starts).total_seconds() / 60
    return row.rate_per_minute is not None and people > row.rate_per_minute * minutes


def _change(broadcast_id: str, act: Callable[[int, str], Broadcast]) -> None:
    pk = public_id.decode(public_id.BROADCAST, broadcast_id)
    if pk is None:
        raise UnknownBroadcast("No broadcast has this id.", field="id", remedy="Use the id that `carillon broadcast` printed.")
    click.echo(act(pk, "cli").state)
