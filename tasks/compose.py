"""From a stored notification to the message a provider gets: the channel's own parts, rendered, and the person's addresses."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks import public_id
from tasks.audience.recipients import Person
from tasks.channels.base import Message, Target
from tasks.models.words import EMAIL, PUSH, SMS
from tasks.render import Rendered

# What of a template each channel sends.
PARTS: dict[str, tuple[str, ...]] = {
    PUSH: ("title", "message"),
    SMS: ("sms_text",),
    EMAIL: ("email_subject", "email_html", "email_text"),
}


def parts_of(channels: Sequence[str]) -> tuple[str, ...]:
    """Every part that in-app and these channels need."""
    return tuple(dict.fromkeys([*PARTS[PUSH], *(part for channel in channels for part in PARTS[channel])]))


def targets(channel: str, person: Person) -> tuple[Target, ...]:
    """The person's addresses on a channel; empty where there are none (any more)."""
    if channel == EMAIL:
        return (Target(person.email),) if person.email else ()
    if channel == SMS:
        return (Target(person.phone),) if person.phone else ()
    return tuple(Target(token, kind, pk) for pk, token, kind in person.devices)


def message(
    channel: str,
    rendered: Rendered,
    person: Person,
    *,
    delivery_pk: int,
    notification_pk: int,
    notification_type: str,
    data: Mapping[str, Any],
    attempt: int,
    skip_devices: frozenset[int] = frozenset(),
) -> Message:
    """The message of one delivery. Devices that an earlier attempt reached are left out."""
    text = {PUSH: rendered.message, SMS: rendered.sms_text, EMAIL: rendered.email_text}[channel]
    to = tuple(target for target in targets(channel, person) if target.device_id is None or target.device_id not in skip_devices)
    return Message(
        delivery_id=delivery_pk,
        reference=public_id.text(public_id.DELIVERY, delivery_pk),
        channel=channel,
        targets=to,
        title=rendered.email_subject if channel == EMAIL else rendered.title,
        text=text,
        html=rendered.email_html if channel == EMAIL else "",
        data=data,
        notification_id=public_id.text(public_id.NOTIFICATION, notification_pk),
        notification_type=notification_type,
        attempt=attempt,
        recipient_name=person.name,
    )
