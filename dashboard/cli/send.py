"""`carillon send`: one message to one person or a few, through the same door as everybody's."""

from typing import Any

import click

from dashboard.cli.arguments import forced_channels, variables
from dashboard.cli.command import Command, with_app
from dashboard.cli.output import as_json, deliveries, out, remark
from tasks.accept import Rejected
from tasks.entries import SendRequest
from tasks.errors import UnknownRecipient
from tasks.options import SendOptions
from tasks.send import submit
from tasks.status import notification_status

CREATE = "Add --email or --phone to create them, or import people with `carillon recipients import`."


@click.command(cls=Command)
@click.argument("slug")
@click.option("--to", "ids", required=True, multiple=True, metavar="ID", help="Your own id of the person; may be repeated.")
@click.option("--email", help="Create or update the person with this address.")
@click.option("--phone", help="Create or update the person with this number.")
@forced_channels
@click.option("--async", "later", is_flag=True, help="Leave the sending to a worker.")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
@variables
@with_app
def send(
    slug: str, ids: tuple[str, ...], email: str | None, phone: str | None, channels: tuple[str, ...], later: bool, machine: bool,
    context: tuple[tuple[str, Any], ...],
) -> None:
    """Send the template SLUG with its variables: amount=1000 is text, amount:=1000 a number."""
    if (email or phone) and len(ids) > 1:
        raise click.UsageError("--email and --phone are for a single --to.")
    said = {name: value for name, value in (("email", email), ("phone", phone)) if value}
    requests = [SendRequest({"id": one, **said} if said else one) for one in ids]
    options = SendOptions(channels=channels or None, actor="cli")
    try:
        answers = submit(requests, slug, dict(context), options, now=not later)
    except UnknownRecipient as error:
        raise UnknownRecipient(error.detail, field=error.field, remedy=CREATE) from None
    found = [notification_status(answer.notification_id) for answer in answers if not isinstance(answer, Rejected)]
    as_json(found) if machine else _show([one for one in found if one])
    failures = [answer for answer in answers if isinstance(answer, Rejected)]
    for failure in failures:
        remark(f"{failure.recipient_id}: {failure.error}")
    if failures:
        raise click.exceptions.Exit(1)


def _show(found: list[dict[str, Any]]) -> None:
    for one in found:
        out.print(f"{one['notification_id']} to {one['recipient_id']}: {one['title']}", markup=False, soft_wrap=True)
        out.print(deliveries(one["deliveries"]))
