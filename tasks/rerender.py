"""People for whom the template failed, looked at again: with what is known of them now, their message may come about."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tasks import compose
from tasks.audience.recipients import Person
from tasks.errors import CarillonError
from tasks.ledger import counts
from tasks.models import Delivery, Notification, Recipient
from tasks.models.types import AnyRow, db_clock, utcnow
from tasks.models.words import FAILED, IN_APP, SENT, SKIPPED
from tasks.plan import Plan, load_version
from tasks.render import Rendered, snapshot

_PEOPLE = (
    select(
        Notification.pk.label("pk"), Notification.recipient_id, Notification.template_version_id, Notification.channel,
        Notification.is_test, Notification.own_data.label("own_data"),
        Recipient.external_id, Recipient.name, Recipient.email, Recipient.phone, Recipient.locale, Recipient.timezone,
        Recipient.country, Recipient.attributes, Recipient.is_active, Recipient.deleted_at,
    )
    .join(Recipient, Notification.recipient_id == Recipient.id)
)
_FIELDS = update(Notification).where(Notification.pk == bindparam("p_pk")).values(recipient_fields=bindparam("p_fields"))
_IN_APP = (
    update(Delivery)
    .where(
        Delivery.pk == bindparam("p_pk"),
        Delivery.channel == IN_APP,
        Delivery.state == bindparam("p_from"),
        Delivery.state.in_((FAILED, SKIPPED)),
        Delivery.round < bindparam("p_round"),
    )
    .values(
        state=bindparam("p_state"), reason=bindparam("p_reason"), detail=bindparam("p_detail"), provider=bindparam("p_provider"),
        round=bindparam("p_round"), closed_at=db_clock(),
    )
    .returning(Delivery.pk)
)
_MOVE = update(Delivery).where(Delivery.notification_id == bindparam("p_old")).values(notification_id=bindparam("p_new"))


@dataclass(frozen=True, slots=True)
class Fresh:
    """A message looked at again. `in_app`: its in-app delivery (pk, state) where that is chosen; `reason`: why it still fails."""

    row: AnyRow
    fields: Mapping[str, Any] | None
    in_app: AnyRow | None
    rendered: Rendered | None = None
    reason: str = ""
    detail: str = ""


def refresh(connection: Connection, version_id: int, data: Mapping[str, Any], deliveries: Sequence[AnyRow]) -> list[Fresh]:
    """Read the people of these deliveries (pk, channel, state, notification_id) as they are now; render what is for the inbox."""
    if not deliveries:
        return []
    plan = load_version(connection, version_id)
    in_app = {one.notification_id: one for one in deliveries if one.channel == IN_APP}
    rows = connection.execute(_PEOPLE.where(Notification.pk.in_({one.notification_id for one in deliveries})))
    return [_fresh(plan, data, row, in_app.get(row.pk)) for row in rows]


def _fresh(plan: Plan, data: Mapping[str, Any], row: AnyRow, in_app: AnyRow | None) -> Fresh:
    if row.deleted_at is not None or not row.is_active:
        return Fresh(row, None, in_app, reason="recipient_inactive" if row.deleted_at is None else "recipient_deleted")
    person = Person(
        row.recipient_id, row.external_id, row.name, row.email, row.phone, row.locale, row.timezone, row.country, row.attributes
    )
    try:
        fields = snapshot(plan.version, person.fields())
        known = {**data, **(row.own_data or {})}
        rendered = plan.version.render(known, fields or {}, compose.parts_of(())) if in_app else None
    except CarillonError as error:
        return Fresh(row, None, in_app, reason="render_failed", detail=str(error))
    return Fresh(row, fields, in_app, rendered)


def show(
    connection: Connection, fresh: Sequence[Fresh], broadcast_pk: int, number: int, changes: Counter[counts.Key]
) -> list[int]:
    """Keep what was read, and put into the inbox what can be shown now. Returns the new notifications; `changes` gets the counts.

    Such a message takes a new number, as if it had just been written: an inbox is read by cursor, and one that is past the old
    number would never come to it. The person never saw the old one; its deliveries and their attempts move along.
    """
    kept = [{"p_pk": one.row.pk, "p_fields": one.fields} for one in fresh if one.fields is not None]
    if kept:
        connection.execute(_FIELDS, kept)
    shown = []
    for one in fresh:
        if one.in_app is None:
            continue
        state = SENT if one.rendered else (FAILED if one.reason == "render_failed" else SKIPPED)
        row = {"p_pk": one.in_app.pk, "p_from": one.in_app.state, "p_round": number}
        row |= {"p_state": state, "p_reason": one.reason, "p_detail": one.detail, "p_provider": "socketio" * (state == SENT)}
        if connection.execute(_IN_APP, row).first() is None:
            continue  # somebody was here before
        changes[broadcast_pk, IN_APP, one.in_app.state] -= 1
        changes[broadcast_pk, IN_APP, state] += 1
        if one.rendered:
            shown.append(one)
    return _renumber(connection, shown, broadcast_pk) if shown else []


def _renumber(connection: Connection, shown: Sequence[Fresh], broadcast_pk: int) -> list[int]:
    table: Any = Notification.__table__
    made = connection.execute(insert(table).returning(table.c.recipient_id, table.c.id), [_row(one) for one in shown])
    new = {recipient: pk for recipient, pk in made}  # noqa: C416  # dict() does not take rows
    old = {one.row.pk: new[one.row.recipient_id] for one in shown}
    connection.execute(_MOVE, [{"p_old": before, "p_new": after} for before, after in old.items()])
    connection.execute(delete(Notification).where(Notification.pk.in_(list(old))))
    # Only now: a person has one message of a broadcast.
    connection.execute(update(Notification).where(Notification.pk.in_(list(old.values()))).values(broadcast_id=broadcast_pk))
    return list(old.values())


def _row(one: Fresh) -> dict[str, Any]:
    assert one.rendered is not None
    return {
        "recipient_id": one.row.recipient_id, "template_version_id": one.row.template_version_id, "broadcast_id": None,
        "title": one.rendered.title, "message": one.rendered.message, "data": one.row.own_data,
        "recipient_fields": one.fields, "channel": one.row.channel, "created_at": utcnow(), "is_test": one.row.is_test,
        "deleted_at": utcnow() if one.row.is_test else None,
    }
