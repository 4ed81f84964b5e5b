"""What became of a notification or a broadcast: for the API, the command line and the dashboard."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from tasks import public_id, timetable
from tasks.database import reading
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import Broadcast, BroadcastApproval, Delivery, Notification
from tasks.models.types import utcnow
from tasks.models.words import (
    BOUNCED,
    DELIVERED,
    EXPIRED,
    FAILED,
    IN_APP,
    OPEN_STATES,
    QUEUED,
    RETRYING,
    SENDING,
    SENT,
    UNKNOWN,
)

EMPTY = "Nobody belonged to the audience: nothing was sent."

MOMENTS = ("send_at", "expires_at", "started_at", "frozen_at", "expanded_at", "finished_at")


def overall(states: list[str]) -> str:
    """One word for a notification, from the states of its outside deliveries: what is open, then what went wrong, else sent."""
    for group, word in (((SENDING,), SENDING), ((QUEUED,), QUEUED), ((RETRYING,), RETRYING)):
        if any(state in group for state in states):
            return word
    if any(state in {FAILED, BOUNCED, EXPIRED} for state in states):
        good = any(state in {SENT, DELIVERED} for state in states)
        return "partly_failed" if good else FAILED
    return UNKNOWN if UNKNOWN in states else SENT


def notification_status(notification_id: UUID | str) -> dict[str, Any] | None:
    """The notification with its deliveries and their attempts, as JSON values; None where there is none of this id."""
    pk = public_id.decode(public_id.NOTIFICATION, notification_id)
    found = db.session.get(Notification, pk) if pk is not None else None
    if found is None:
        return None
    deliveries = list(db.session.scalars(select(Delivery).where(Delivery.notification_id == pk).order_by(Delivery.pk)))
    return {
        "notification_id": str(found.id),
        "status": overall(
            [row.state for row in deliveries if row.channel != IN_APP and not (row.unless and row.state == QUEUED)]
        ),
        "recipient_id": found.user.external_id,
        "template_name": found.template.slug,
        "template_version": found.template_version.number,
        "notification_type": found.notification_type,
        "title": found.title,
        "message": found.message,
        "data": found.data,
        "is_read": found.is_read,
        "is_test": found.is_test,
        "created_at": found.created_at.isoformat(),
        "broadcast_id": str(found.broadcast.id) if found.broadcast else None,
        "deliveries": [_delivery(row) for row in deliveries],
    }


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "channel": row.channel,
        "status": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "provider": row.provider,
        "simulated": row.provider == "simulator",
        "unless": row.unless,
        "next_attempt_at": row.next_attempt_at.isoformat() if row.next_attempt_at and row.state in OPEN_STATES else None,
        "attempts": attempts_of(row),
    }


def attempts_of(row: Delivery) -> list[dict[str, Any]]:
    """Every try of a delivery, oldest first, as JSON values."""
    return [
        {
            "number": entry.number,
            "provider": entry.provider,
            "target": entry.target,
            "outcome": entry.outcome,
            "code": entry.code,
            "response": entry.response,
            "at": entry.started_at.isoformat(),
            "duration_ms": entry.duration_ms,
        }
        for entry in row.attempts
    ]


def broadcast_status(broadcast_id: UUID | str) -> dict[str, Any] | None:
    """The broadcast with its counts per channel and state, as JSON values; None where there is none of this id."""
    pk = public_id.decode(public_id.BROADCAST, broadcast_id)
    found = db.session.get(Broadcast, pk, populate_existing=True) if pk is not None else None
    if found is None:
        return None
    return {
        "broadcast_id": str(found.id),
        "is_broadcast": True,
        "is_test": found.is_test,
        "status": found.state,
        "detail": found.detail or (EMPTY if found.expanded_at and not found.audience_count else ""),
        "pause_reason": found.pause_reason,
        "template_name": found.template_version.template.slug,
        "template_version": found.template_version.number,
        "audience": found.audience,
        "audience_label": found.audience_label,
        "audience_count": found.audience_count,
        "expanded_count": found.expanded_count,
        "audience_complete": found.expanded_at is not None,
        "counts": broadcast_counts(found.pk),
        "created_by": found.created_by,
        "created_at": found.created_at.isoformat(),
        **_safety(found),
        **_timing(found),
        **{name: _iso(getattr(found, name)) for name in MOMENTS},
    }


def _safety(row: Broadcast) -> dict[str, Any]:
    canary = None if row.canary_people is None else {
        "people": row.canary_people, "share": row.canary_share, "wait": row.canary_wait, "verdict": row.canary_verdict,
        "ended_at": _iso(row.canary_ended_at),
    }
    asked = select(BroadcastApproval).where(BroadcastApproval.broadcast_id == row.pk).order_by(BroadcastApproval.number.desc())
    latest = db.session.scalar(asked.limit(1).execution_options(populate_existing=True))
    approval = None if latest is None else {
        **{name: getattr(latest, name) for name in ("answer", "audience_count", "asked_by", "answered_by", "word", "difference")},
        "asked_at": _iso(latest.asked_at), "answered_at": _iso(latest.answered_at),
    }
    return {"undo_until": _iso(row.undo_until), "canary": canary, "approval": approval}


def _timing(row: Broadcast) -> dict[str, Any]:
    waits, next_at = timetable.outlook(row, utcnow())
    return {
        "send_at_local": row.send_at_local,
        "timezone": row.timezone,
        "window": f"{row.window_start}-{row.window_end}" if row.window_start else None,
        "rate_per_minute": row.rate_per_minute,
        "waiting_for": waits,
        "next_at": _iso(next_at),
    }


def broadcast_counts(pk: int) -> dict[str, dict[str, int]]:
    """{channel: {state: count}} of all deliveries of a broadcast; it costs the same for ten people as for a million."""
    with reading() as connection:
        found = counts.closed(connection, pk)
        for channel, states in counts.waiting(connection, pk, found).items():
            found.setdefault(channel, {}).update(states)
    return found


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
