"""What became of a delivery, moment by moment: from the call to the person's own reading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from dashboard.admin.display.labels import channel_label, reason_words, state_label
from dashboard.admin.display.times import span
from tasks.models import Attempt, AuditEntry, Delivery, Notification
from tasks.models.words import BOUNCED, CANCELLED, DELIVERED, DUE_STATES, IN_APP, QUEUED, READ, SENDING, SENT, SKIPPED

AT_ONCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the line. `tone` is a state's; `words` are somebody else's own; `facts`: what stands small beneath."""

    at: datetime | None
    title: str
    text: str = ""
    tone: str = QUEUED
    words: str = ""
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)
    badge: str = ""
    link: tuple[str, int] | None = None


def timeline(
    row: Delivery, attempts: Sequence[Attempt], presses: Sequence[AuditEntry], copies: Sequence[Notification]
) -> list[Moment]:
    """Everything that is known of a delivery, the oldest first; what is still to come stands last.

    `presses`: that somebody sent it again; `copies`: the messages that were made by that.
    """
    message = row.notification
    found = [_accepted(row, message), _routed(row, message), *_tries(attempts), *_presses(presses), *_copies(copies)]
    if row.state == SENDING and row.handed_at:
        found.append(Moment(row.handed_at, "Handed to the provider", "Its answer is awaited.", SENDING))
    found += [*_end(row, attempts), *_receipt(row), *_reading(row, message)]
    dated = sorted((one for one in found if one.at is not None), key=lambda one: one.at or row.created_at)
    return [*dated, *_ahead(row)]


def _accepted(row: Delivery, message: Notification) -> Moment:
    text, link = "The call is on record.", None
    if row.broadcast_id:
        text, link = f"It belongs to broadcast #{row.broadcast_id}.", ("broadcast", row.broadcast_id)
    elif message.resent_from:
        text, link = "Somebody sent an earlier message again.", ("message", message.resent_from)
    elif message.is_trial:
        text = "An operator's test send."
    elif message.is_test:
        text = "A test key sent it: nothing leaves."
    return Moment(row.created_at, "Accepted", text, link=link)


def _routed(row: Delivery, message: Notification) -> Moment:
    at, channel = row.created_at, channel_label(row.channel)
    if row.channel == IN_APP:
        return Moment(at, "Routed", "Every message is written for the inbox.")
    if message.channel or (message.broadcast and message.broadcast.channels is not None):
        asked = "The broadcast" if message.broadcast else "The call"
        who = f"{asked} asked for {channel}."
    else:
        who = f"The rule of {message.notification_type} rings {channel}."
    if row.state == SKIPPED and row.closed_at and row.closed_at - row.created_at < AT_ONCE and not row.attempt_count:
        return Moment(at, "Routed", who)
    waits = " It waits, and rings only if the message is not read before." if row.unless == READ else ""
    gives_up = [("gives up after", span((row.expires_at - at).total_seconds()))] if row.expires_at and row.expires_at > at else []
    return Moment(at, "Queued", f"{who}{waits}", facts=[("priority", str(row.priority)), *gives_up])


def _tries(attempts: Sequence[Attempt]) -> Iterator[Moment]:
    again = {one.id: after.started_at - one.started_at for one, after in pairwise(attempts) if after.started_at > one.started_at}
    for one in attempts:
        later = again.get(one.id)
        text = f"It was tried again {span(later.total_seconds())} later." if later and one.outcome != "sent" else ""
        facts = [("provider", one.provider), ("to", one.target), ("took", f"{one.duration_ms:,} ms"), ("code", one.code),
                 ("reference", one.provider_ref), ("round", str(one.round) if one.round > 1 else "")]
        known = [fact for fact in facts if fact[1]]
        yield Moment(one.started_at, f"Try {one.number}", text, one.outcome, one.response, known, one.outcome)


def _presses(presses: Sequence[AuditEntry]) -> Iterator[Moment]:
    for one in presses:
        yield Moment(one.at, "Sent again by hand", f"By {one.actor}: it went back into the queue.", QUEUED)


def _copies(copies: Sequence[Notification]) -> Iterator[Moment]:
    for one in copies:
        yield Moment(one.created_at, "Sent again as a new message", "This one stays as it was.", SENT, link=("message", one.pk))


def _end(row: Delivery, attempts: Sequence[Attempt]) -> Iterator[Moment]:
    if row.closed_at is None:
        return
    state = SENT if row.receipt_at else row.state
    text = {SENT: "It is in the inbox." if row.channel == IN_APP else "The provider accepted it."}.get(state, "")
    if state not in {SENT, DELIVERED} and row.reason:
        text = reason_words(row.reason)
    words = row.detail if not attempts and not row.receipt_at else ""
    yield Moment(row.closed_at, state_label(state), text, state, words, badge=state)


def _receipt(row: Delivery) -> Iterator[Moment]:
    if row.receipt_at is None:
        return
    if row.state == BOUNCED:
        text = f"The provider said so later. {reason_words(row.reason)}"
        yield Moment(row.receipt_at, "Came back", text, BOUNCED, row.detail, badge=BOUNCED)
    elif row.state == DELIVERED:
        who = "The person's app has it." if row.channel == IN_APP else "The provider confirmed that it arrived."
        yield Moment(row.receipt_at, "Arrived", who, DELIVERED, row.detail if row.channel != IN_APP else "", badge=DELIVERED)


def _reading(row: Delivery, message: Notification) -> Iterator[Moment]:
    if message.read_at:
        stops = " Channels that waited for that ring no more." if row.unless == READ else ""
        yield Moment(message.read_at, "Read in the app", f"The person opened it.{stops}", DELIVERED)
    if message.archived_at:
        yield Moment(message.archived_at, "Archived in the app", tone=SKIPPED)
    if message.deleted_at and not message.is_test:
        yield Moment(message.deleted_at, "Deleted from the inbox", tone=CANCELLED)


def _ahead(row: Delivery) -> Iterator[Moment]:
    if row.state in DUE_STATES and row.next_attempt_at:
        title = "It rings unless it is read before" if row.unless == READ and not row.attempt_count else "Next try"
        yield Moment(row.next_attempt_at, title, "As soon as a worker is free from then on.", row.state, badge=row.state)


