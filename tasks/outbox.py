"""Events for webhooks, written in the transaction of what happened: none is told that did not happen, and none is lost."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import current_app
from sqlalchemy import Connection, insert, literal, select

from tasks import public_id
from tasks.models import Broadcast, Delivery, Notification, Recipient, Webhook, WebhookCall
from tasks.models.types import db_clock, utcnow
from tasks.models.words import CLOSED_STATES

FRESH = 1.0  # seconds: so long it may take until another process tells a new webhook
KEPT = "carillon.webhooks"
DELIVERIES: Final = "deliveries.updated"
EVENTS: Final = {
    DELIVERIES: "Deliveries came to an end (sent, failed, skipped, unknown, ...) or were confirmed (delivered, bounced).",
    "broadcast.paused": "A broadcast was paused, or paused itself.",
    "broadcast.resumed": "A broadcast goes on.",
    "broadcast.cancelled": "A broadcast was cancelled.",
    "broadcast.missed": "The time of a scheduled broadcast passed while nothing could send it: somebody has to decide.",
    "broadcast.failed": "A broadcast could not begin.",
    "broadcast.awaiting_approval": "A broadcast waits for a second person's approval, or lost the one that it had.",
    "broadcast.approved": "A second person approved a broadcast.",
    "broadcast.rejected": "A second person rejected a broadcast: nothing of it was sent.",
    "broadcast.canary_passed": "The first people of a broadcast fared well: the others get it too.",
    "broadcast.completed": "Every delivery of a broadcast has come to an end.",
    "webhook.test": "Somebody pressed Test.",
}


def deliveries(connection: Connection, changed: Mapping[int, tuple[str, str]]) -> None:
    """Tell of deliveries that changed: {row: (state, reason)}. All of one transaction are one event, in the rows' order."""
    closed = {pk: words for pk, words in changed.items() if words[0] in CLOSED_STATES}
    listening = _listening(connection, DELIVERIES) if closed else []
    if listening:
        _write(connection, listening, DELIVERIES, {"deliveries": _described(connection, closed)})


def broadcast(connection: Connection, pk: int, what: str, **more: object) -> None:
    """Tell of a broadcast: `what` is the event's second word."""
    event = f"broadcast.{what}"
    listening = _listening(connection, event)
    if listening:
        is_test = bool(connection.scalar(select(Broadcast.is_test).where(Broadcast.pk == pk)))
        about = {"broadcast_id": public_id.text(public_id.BROADCAST, pk), "is_test": is_test}
        _write(connection, listening, event, {**about, **more})


def test(connection: Connection, webhook_id: int) -> None:
    """Tell one webhook that somebody wants to see whether it listens."""
    _write(connection, [webhook_id], "webhook.test", {"message": "It works: this came from Carillon."})


def _listening(connection: Connection, event: str) -> list[int]:
    return [pk for pk, wanted in _webhooks(connection) if not wanted or event in wanted]


def _webhooks(connection: Connection) -> list[tuple[int, list[str]]]:
    """Every webhook with what it wants, read once a second: a single send has no statement to spare for it."""
    read_at, known = current_app.extensions.get(KEPT, (-FRESH, []))
    if time.monotonic() - read_at < FRESH:
        return known  # type: ignore[no-any-return]
    known = [(pk, wanted) for pk, wanted in connection.execute(select(Webhook.id, Webhook.events).where(Webhook.is_active))]
    current_app.extensions[KEPT] = (time.monotonic(), known)
    return known


def forget() -> None:
    """Read the webhooks anew at the next event: one of them was just made, changed or deleted here."""
    current_app.extensions.pop(KEPT, None)


def _described(connection: Connection, closed: Mapping[int, tuple[str, str]]) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(
            Delivery.pk, Delivery.channel, Delivery.notification_id, Delivery.broadcast_id, Recipient.external_id,
            Notification.is_test,
        )
        .join(Notification, Delivery.notification_id == Notification.pk)
        .join(Recipient, Notification.recipient_id == Recipient.id)
        .where(Delivery.pk.in_(closed))
        .order_by(Delivery.pk)
    )
    return [
        {
            "delivery_id": public_id.text(public_id.DELIVERY, pk),
            "notification_id": public_id.text(public_id.NOTIFICATION, notification),
            "broadcast_id": public_id.text(public_id.BROADCAST, broadcast_pk) if broadcast_pk is not None else None,
            "recipient_id": person,
            "channel": channel,
            "status": closed[pk][0],
            "reason": closed[pk][1],
            "is_test": bool(is_test),  # a test key's events come too, since calls are what it tries out: but they say so
        }
        for pk, channel, notification, broadcast_pk, person, is_test in rows
    ]


def _write(connection: Connection, listening: Sequence[int], event: str, data: dict[str, Any]) -> None:
    payload = {"type": event, "timestamp": utcnow().isoformat(), "data": data}
    event_id = f"evt_{secrets.token_hex(12)}"  # the same for all who hear of it
    # From a select: one that was deleted within the last second must not make the work itself fail on its foreign key.
    values = {"event": event, "event_id": event_id, "payload": payload, "state": "queued", "attempt_count": 0, "answer": ""}
    columns = [literal(value, WebhookCall.__table__.c[name].type) for name, value in values.items()]
    rows = select(Webhook.id, *columns, db_clock(), db_clock()).where(Webhook.id.in_(listening), Webhook.is_active)
    connection.execute(insert(WebhookCall).from_select(["webhook_id", *values, "created_at", "next_attempt_at"], rows))
