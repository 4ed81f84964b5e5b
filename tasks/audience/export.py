"""Everything that is known of a person, as one JSON document that is written while it is read: a long history needs no memory."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from tasks import public_id
from tasks.database import reading
from tasks.models import (
    Attempt,
    AuditEntry,
    Broadcast,
    Delivery,
    Device,
    Notification,
    OptOut,
    Recipient,
    Segment,
    SegmentMember,
    Template,
    TemplateVersion,
)
from tasks.models import Connection as LiveConnection

PAGE = 200  # messages that are read at once
ABOUT = ("external_id", "name", "email", "phone", "locale", "timezone", "country", "attributes", "is_active", "created_at",
         "updated_at", "deleted_at")
OF_DEVICE = ("token", "kind", "platform", "is_active", "off_reason", "created_at", "updated_at")
OF_MESSAGE = ("created_at", "read_at", "archived_at", "deleted_at", "channel", "is_test")
OF_DELIVERY = ("channel", "state", "reason", "detail", "provider", "created_at", "closed_at", "receipt_at")
OF_ATTEMPT = ("number", "provider", "target", "outcome", "code", "response", "started_at", "duration_ms")


def export(recipient_pk: int) -> Iterator[str]:
    """The document in pieces: the person, devices, wishes, lists, changes by operators, and every message with its attempts."""
    with reading() as connection:
        head = _head(connection, recipient_pk)
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "messages": ['
    last, first = 0, True
    while True:
        with reading() as connection:
            found = _messages(connection, recipient_pk, last)
        for pk, message in found:
            yield f'{"" if first else ","}\n  {json.dumps(message, ensure_ascii=False)}'
            last, first = pk, False
        if len(found) < PAGE:
            break
    yield "\n ]\n}\n"


def _head(connection: Connection, pk: int) -> dict[str, Any]:
    person = connection.execute(select(*(getattr(Recipient, name) for name in ABOUT)).where(Recipient.id == pk)).one()
    devices = connection.execute(select(*(getattr(Device, name) for name in OF_DEVICE)).where(Device.recipient_id == pk))
    of_wish = (OptOut.notification_type, OptOut.channel, OptOut.created_at)
    wishes = connection.execute(select(*of_wish).where(OptOut.recipient_id == pk))
    listed = select(Segment.slug).join(SegmentMember, SegmentMember.segment_id == Segment.id)
    lists = listed.where(SegmentMember.recipient_id == pk)
    live = select(LiveConnection.connected_at).where(LiveConnection.recipient_id == pk)
    entries = select(AuditEntry.at, AuditEntry.actor, AuditEntry.action, AuditEntry.changes).where(
        AuditEntry.object_type == "recipient", AuditEntry.object_id == str(pk)
    )
    return {
        "person": {("id" if name == "external_id" else name): _plain(value) for name, value in zip(ABOUT, person, strict=True)},
        "devices": [_named(OF_DEVICE, row) for row in devices],
        "opted_out": [_named(("notification_type", "channel", "since"), row) for row in wishes],
        "lists": list(connection.execute(lists).scalars()),
        "connected_since": [_plain(moment) for moment in connection.execute(live).scalars()],
        "changes_by_operators": [_named(("at", "actor", "action", "changes"), row) for row in connection.execute(entries)],
    }


def _messages(connection: Connection, pk: int, after: int) -> list[tuple[int, dict[str, Any]]]:
    columns = [getattr(Notification, name) for name in OF_MESSAGE]
    texts = {"title": Notification.own_title, "message": Notification.own_message, "data": Notification.own_data}
    texts |= {f"shared_{name}": getattr(Broadcast, name) for name in texts}
    rows = connection.execute(
        select(
            Notification.pk.label("pk"), Notification.recipient_fields, Template.slug, TemplateVersion.number,
            TemplateVersion.notification_type, *(column.label(name) for name, column in texts.items()), *columns,
        )
        .join(TemplateVersion, Notification.template_version_id == TemplateVersion.id)
        .join(Template, TemplateVersion.template_id == Template.id)
        .outerjoin(Broadcast, Notification.broadcast_id == Broadcast.pk)
        .where(Notification.recipient_id == pk, Notification.pk > after).order_by(Notification.pk).limit(PAGE)
    ).all()
    deliveries = _deliveries(connection, [row.pk for row in rows])
    return [(row.pk, _message(row, deliveries.get(row.pk, []))) for row in rows]


def _message(row: Any, deliveries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": public_id.text(public_id.NOTIFICATION, row.pk), "template": row.slug, "version": row.number,
        "type": row.notification_type, "title": row.shared_title if row.title is None else row.title,
        "message": row.shared_message if row.message is None else row.message,
        "variables": {**(row.shared_data or {}), **(row.data or {})}, "read_of_the_person": row.recipient_fields,
        **{name: _plain(getattr(row, name)) for name in OF_MESSAGE}, "deliveries": deliveries,
    }


def _deliveries(connection: Connection, messages: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    columns = (Delivery.pk, Delivery.notification_id, *(getattr(Delivery, name) for name in OF_DELIVERY))
    theirs = select(*columns).where(Delivery.notification_id.in_(messages)).order_by(Delivery.pk)
    rows = connection.execute(theirs).all()
    tries: dict[int, list[dict[str, Any]]] = {}
    kept = [getattr(Attempt, name) for name in OF_ATTEMPT]
    for one in connection.execute(
        select(Attempt.delivery_id, *kept).where(Attempt.delivery_id.in_([row[0] for row in rows])).order_by(Attempt.id)
    ):
        tries.setdefault(one[0], []).append(_named(OF_ATTEMPT, one[1:]))
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[1], []).append({**_named(OF_DELIVERY, row[2:]), "attempts": tries.get(row[0], [])})
    return found


def _named(names: Sequence[str], row: Iterable[Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
