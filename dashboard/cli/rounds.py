"""`carillon finish`: send again what of a broadcast did not get through."""

from itertools import product

import click

from dashboard.cli.command import Command, with_app
from dashboard.cli.output import add, as_json, coloured, out, remark, table
from tasks import neighbours, public_id, rounds
from tasks.errors import UnknownBroadcast
from tasks.models.words import CHANNELS
from tasks.reopen import AGAIN
from tasks.rounds import Choice, Left


@click.command(cls=Command)
@click.argument("id")
@click.option("--state", "states", type=click.Choice(AGAIN), multiple=True, help="Only what ended so. Bounced ones want naming.")
@click.option("--reason", "reasons", multiple=True, metavar="REASON", help="Only for this reason, as --dry-run lists it.")
@click.option("--channel", "channels", type=click.Choice(CHANNELS), multiple=True, help="Only on this channel.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent again.")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
@with_app
def finish(
    id: str, states: tuple[str, ...], reasons: tuple[str, ...], channels: tuple[str, ...], dry_run: bool, machine: bool
) -> None:
    """Send again what did not get through of the broadcast ID, once it is completed. What was sent is never touched."""
    pk = public_id.decode(public_id.BROADCAST, id)
    if pk is None:
        raise UnknownBroadcast("No broadcast has this id.", field="id", remedy="Use the id that `carillon broadcast` printed.")
    chosen = [Choice(*one) for one in product(channels or (None,), states or (None,), reasons or (None,))]
    left = rounds.matching(rounds.choices(pk), chosen)
    if dry_run:
        _show(left, machine)
        return
    if not machine:
        _show(left, machine)
    made = rounds.finish(pk, chosen, "cli")
    if not neighbours.alive(neighbours.SENDING):
        remark("No worker is running: it starts as soon as one does (`carillon up` or `carillon worker`).")
    if machine:
        as_json({"round": made.number, "count": made.count})
    else:
        out.print(f"Round {made.number}: {made.count:,} {'delivery is' if made.count == 1 else 'deliveries are'} sent again.")


def _show(left: list[Left], machine: bool) -> None:
    if machine:
        as_json([
            {"channel": one.channel, "state": one.state, "reason": one.reason, "count": one.count, "words": one.words,
             "warning": one.warning}
            for one in left
        ])
        return
    listed = table("channel", "state", "reason", "count", "why")
    for one in left:
        add(listed, one.channel, coloured(one.state), one.reason or "", f"{one.count:,}", one.words)
    if left:
        out.print(listed)
    else:
        remark("Nothing of this is left to send again.")
    for one in left:
        if one.warning:
            remark(f"{one.channel} {one.state} {one.reason}: {one.warning}")
