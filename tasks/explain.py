"""Why a channel rang for a person, or did not: one reason for each, in words, of what was sent and of what would be sent now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from tasks import channels, public_id, status, timetable
from tasks.config import settings
from tasks.database import reading
from tasks.extensions import db
from tasks.models import Breaker, Delivery, Notification, Process, Rule
from tasks.models.types import db_clock, utcnow
from tasks.models.words import (
    BOUNCED,
    CHANNEL_NAMES,
    CHANNELS,
    DELIVERED,
    DUE_STATES,
    IN_APP,
    PAUSED,
    READ,
    REASONS,
    RETRYING,
    SENDING,
    SENT,
    SKIPPED,
)
from tasks.plan import Plan
from tasks.presence import DEAD_AFTER
from tasks.route import Decision

NOT_ASKED = "not_asked"  # the status of a channel that has no delivery
Why = tuple[str, str, datetime | None]  # a stable word, a sentence, and when something happens next


def explain(notification_id: UUID | str) -> dict[str, Any] | None:
    """A notification's channels, each with its status, one reason, the reason in words and its attempts; None for no such id."""
    pk = public_id.decode(public_id.NOTIFICATION, notification_id)
    found = db.session.get(Notification, pk, populate_existing=True) if pk is not None else None
    if found is None:
        return None
    rows = {row.channel: row for row in db.session.scalars(select(Delivery).where(Delivery.notification_id == pk))}
    return {
        "notification_id": str(found.id), "recipient_id": found.user.external_id, "template_name": found.template.slug,
        "notification_type": found.notification_type, "is_test": found.is_test,
        "channels": [_line(channel, found, rows.get(channel)) for channel in CHANNELS],
    }


def foresee(plan: Plan, decisions: Sequence[Decision], forced: Sequence[str] | None, *, is_test: bool) -> list[dict[str, Any]]:
    """What would become of each channel now: {channel, status, reason, explanation}, in the order of CHANNELS.

    `decisions` are the router's for a person, `forced` the channels that the call asks for.
    """
    decided = {decision.channel: decision for decision in decisions}
    found = []
    for channel in CHANNELS:
        decision = decided.get(channel)
        if channel == IN_APP:
            state, reason = SENT, _inbox(is_test)
        elif decision is None:
            state, reason = NOT_ASKED, _not_asked(channel, plan.notification_type, None if forced is None else list(forced))
        else:
            state, reason = decision.state, _ahead(decision, is_test)
        found.append({"channel": channel, "status": state, "reason": reason[0], "explanation": reason[1]})
    return found


def _line(channel: str, message: Notification, row: Delivery | None) -> dict[str, Any]:
    if row is None:
        forced = [message.channel] if message.channel else None
        state, (reason, words, at) = NOT_ASKED, _not_asked(channel, message.notification_type, forced)
    else:
        state, (reason, words, at) = row.state, _in_app(message, row) if channel == IN_APP else _outside(message, row)
    return {
        "channel": channel, "status": state, "reason": reason, "explanation": words, "next_at": at.isoformat() if at else None,
        "attempts": status.attempts_of(row) if row is not None else [],
    }


def _not_asked(channel: str, notification_type: str, forced: list[str] | None) -> Why:
    if forced is not None:
        asked = " and ".join(CHANNEL_NAMES[name] for name in forced) or CHANNEL_NAMES[IN_APP]
        return "other_channel", f"The call asked for {asked} only.", None
    rings = db.session.scalar(select(Rule.channels).where(Rule.notification_type == notification_type))
    if rings is None:
        return "no_rule", f"No rule says which channels ring for {notification_type}: it is in-app only.", None
    if channel in rings:
        return "not_asked_then", "When it was sent, neither rule nor call asked for this channel; now the rule does.", None
    return "not_in_rule", f"The rule of {notification_type} does not ring this channel.", None


def _inbox(is_test: bool) -> Why:
    if is_test:
        return "test", "A test key sends it: it is on record, and kept out of the person's inbox.", None
    return "inbox", "It goes into the person's inbox at once.", None


def _in_app(message: Notification, row: Delivery) -> Why:
    if row.state not in {SENT, DELIVERED}:
        return _ended(row)
    if message.is_test and not message.is_trial:
        return "test", "A test key sent it: it is on record, and kept out of the person's inbox.", None
    if message.deleted_at:
        return "deleted", f"It was in the inbox until {_at(message.deleted_at)}, when it was deleted.", None
    if message.read_at:
        return "read", f"It is in the inbox and was read at {_at(message.read_at)}.", None
    seen = "the app has confirmed it, and it is unread" if row.state == DELIVERED else "unread"
    return "inbox", f"It is in the inbox, {seen}.", None


def _outside(message: Notification, row: Delivery) -> Why:
    if row.state in DUE_STATES:
        return _waiting(message, row)
    if row.state == SENDING:
        if row.handed_at:
            return "handed_over", f"It was handed to the provider at {_at(row.handed_at)}; the answer is awaited.", None
        return "in_hand", "A worker has taken it and is about to hand it over.", None
    if row.state == SENT:
        if row.provider == "simulator":
            return "simulated", f"The simulator took it at {_at(row.closed_at)}: nothing left.", None
        return "accepted", f"The provider {row.provider} accepted it at {_at(row.closed_at)}.", None
    if row.state == DELIVERED:
        return "arrived", "The provider confirmed that it arrived.", None
    if row.state == BOUNCED:
        return "bounced", f"It was accepted and came back. {row.detail}".strip(), None
    return _ended(row)


def _ended(row: Delivery) -> Why:
    words = REASONS.get(row.reason) or f"The provider refused it: {row.reason}."
    return row.reason or row.state, f"{words} {row.detail}".strip(), None


def _waiting(message: Notification, row: Delivery) -> Why:
    """Why a row in the queue is not on its way. The first that holds it up is the reason."""
    now, due = utcnow(), row.next_attempt_at
    later = due is not None and due > now
    return (
        _held(message, now)
        or (_unread(due) if later and row.unless == READ else None)
        or (None if message.is_test and not message.is_trial else _down(_provider(row.channel, is_test=False)))
        or (_later(row, due) if later else None)
        or _in_line(message)
    )


def _held(message: Notification, now: datetime) -> Why | None:
    if message.broadcast is None:
        return None
    if message.broadcast.state == PAUSED:
        return "paused", f"The broadcast is paused. {message.broadcast.pause_reason}".strip(), None
    words, at = timetable.outlook(message.broadcast, now)
    return ("window", f"The broadcast waits for {words}.", at) if words else None


def _unread(due: datetime | None) -> Why:
    return "if_unread", f"It rings at {_at(due)} unless the message is read before.", due


def _down(provider: str) -> Why | None:
    with reading() as connection:
        columns = (Breaker.opened_at, Breaker.next_probe_at, Breaker.last_error)
        row = connection.execute(select(*columns).where(Breaker.provider == provider, Breaker.opened_at.is_not(None))).first()
    if row is None:
        return None
    words = f"The provider {provider} has been down since {_at(row.opened_at)} ({row.last_error.rstrip('.')})."
    return "provider_down", f"{words} It waits, and this costs it no attempt.", row.next_probe_at


def _later(row: Delivery, due: datetime | None) -> Why:
    if row.state != RETRYING:
        return "not_due", f"It is due at {_at(due)}.", due
    why = f" ({row.reason}: {row.detail})" if row.detail else ""
    return "retry", f"Attempt {row.attempt_count} failed{why}. The next one is due at {_at(due)}.", due


def _in_line(message: Notification) -> Why:
    sends = (Process.kind.in_(("worker", "embedded")), Process.ended_at.is_(None), Process.heartbeat_at > db_clock(-DEAD_AFTER))
    with reading() as connection:
        if not connection.scalar(select(exists().where(*sends))):
            return "no_worker", "It is due, and no worker is running.", None
    pace = message.broadcast.rate_per_minute if message.broadcast else None
    if pace:
        return "in_line", f"It is due and waits for its turn: the broadcast sends at most {pace} a minute.", None
    return "in_line", "It is due, and a worker takes it as soon as it can.", None


def _ahead(decision: Decision, is_test: bool) -> Why:
    if decision.state == SKIPPED:
        return decision.reason, REASONS[decision.reason], None
    if decision.after:
        return "if_unread", f"It rings after {decision.after} seconds unless the message is read before.", None
    provider = _provider(decision.channel, is_test=is_test)
    if provider == "simulator":
        why = "A test key sends it" if is_test else "No provider is configured"
        return "simulated", f"{why}: the simulator takes it, and nothing leaves.", None
    return _down(provider) or ("will_ring", f"It is handed to the provider {provider}.", None)


def _provider(channel: str, *, is_test: bool) -> str:
    return "simulator" if is_test else channels.provider_name(channel, settings())


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"
