"""From a request that sends to the sender's own terms, and back: shared by the routes that send."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, g

from dashboard import audit, keys, spending
from dashboard.api.answers import DeliveryAnswer
from dashboard.api.repeats import keyed
from dashboard.api.schemas import SendHeaders, TemplateBody
from tasks import idempotency
from tasks.accept import Accepted
from tasks.config import settings
from tasks.database import reading
from tasks.errors import InvalidOption, UnknownChannel
from tasks.models.words import IN_APP, QUEUED
from tasks.options import SendOptions
from tasks.rights import Rights
from tasks.route import check_channels
from tasks.status import overall


def options_of(body: TemplateBody, headers: SendHeaders, reply: Callable[[Any], Response], **more: Any) -> SendOptions:
    """The options of a call. `reply` makes its answer of what the sender did; `more`: what only some calls have.

    Raises UnknownChannel and InvalidOption.
    """
    return SendOptions(
        channels=None if body.channel is None else check_channels([body.channel]),
        expires_in=body.expires_in, priority=body.priority, actor=audit.current_actor(),
        rights=key_rights(), reply=lambda done: _text(reply(done)), **keyed(headers), **more,
    )


def spend_on(count: int, options: SendOptions) -> None:
    """Count the messages of a call, where they are bounded. A repeat costs nothing: it gets its answer here.

    Raises RateLimited and InvalidOption.
    """
    if not settings().message_rate:
        return
    if options.idempotency_key is not None:
        with reading() as connection:
            idempotency.look(connection, options)
    spending.spend_messages(count)


def key_rights() -> Rights:
    """What the key of this request may send."""
    return keys.rights_of(g.api_key)


def own_channels(channel: str | None, of_the_call: str | None) -> tuple[str, ...] | None:
    """A recipient's own forced channel. Raises UnknownChannel, and InvalidOption where the call names another."""
    if channel is None:
        return None
    if of_the_call not in (None, channel):
        raise InvalidOption(
            f"The recipient asks for {channel!r} and the call for {of_the_call!r}.", field="recipient.channel",
            remedy="Name the channel in one place.",
        )
    try:
        return check_channels([channel])
    except UnknownChannel as error:
        error.field = "recipient.channel"
        raise


def deliveries_of(answer: Accepted) -> list[DeliveryAnswer]:
    """A message's deliveries as they are answered."""
    return [
        DeliveryAnswer(id=one.id, channel=one.channel, status=one.status, reason=one.reason) for one in answer.deliveries
    ]


def status_of(answer: Accepted, *, now: bool) -> str:
    """One word for a message: what became of it where all was done `now`, else that it is queued."""
    states: Sequence[str] = [one.status for one in answer.deliveries if one.channel != IN_APP]
    return overall(list(states)) if now else QUEUED


def _text(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.get_data(as_text=True)
