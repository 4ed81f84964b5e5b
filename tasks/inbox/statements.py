"""The inbox's statements, built once: composing them costs more than running them, and each connection that comes runs them."""

from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Integer, Select, SQLColumnExpression, Text, bindparam, cast, func, select
from sqlalchemy.types import TypeEngine

from tasks.models import Broadcast, Notification, Recipient, TemplateVersion

UNREAD = (Notification.read_at.is_(None), Notification.archived_at.is_(None), Notification.deleted_at.is_(None))
LISTED, ARCHIVED = Notification.archived_at.is_(None), Notification.archived_at.is_not(None)


def _among(column: SQLColumnExpression[Any], name: str, kind: TypeEngine[Any]) -> dict[str, ColumnElement[bool]]:
    """`column` is one of several values. On PostgreSQL one array: hundreds of placeholders are taken apart anew each time."""
    return {
        "sqlite": column.in_(bindparam(name, expanding=True)),
        "postgresql": column == func.any(bindparam(name, type_=ARRAY(kind))),
    }


def _rows(own_data: Any, shared_data: Any) -> Select[Any]:
    return (
        select(
            Notification.pk.label("pk"), Notification.recipient_id,
            func.coalesce(Notification.own_title, Broadcast.title, "").label("title"),
            func.coalesce(Notification.own_message, Broadcast.message, "").label("message"),
            own_data.label("own_data"), shared_data.label("shared_data"), TemplateVersion.notification_type,
            Notification.created_at, Notification.read_at,
        )
        .join(TemplateVersion, Notification.template_version_id == TemplateVersion.id)
        .outerjoin(Broadcast, Notification.broadcast_id == Broadcast.pk)
        .where(Notification.deleted_at.is_(None))
    )

ROWS = _rows(Notification.own_data, Broadcast.data)
WRITTEN = _rows(cast(Notification.own_data, Text), cast(Broadcast.data, Text))  # the data as texts, for who does not look into it

OWNERS = {
    dialect: select(Recipient.external_id, Recipient.id).where(some, Recipient.is_active, Recipient.deleted_at.is_(None))
    for dialect, some in _among(Recipient.external_id, "names", Text()).items()
}
COUNT = (
    select(func.count()).select_from(Notification).where(Notification.recipient_id == bindparam("recipient"), *UNREAD)
)
PERSONS = (
    ROWS.where(Notification.recipient_id == bindparam("recipient"))
    .order_by(Notification.pk.desc())
    .limit(bindparam("most", type_=Integer()))
)
SOME = _among(Notification.recipient_id, "recipients", BigInteger())
ARRIVED = {
    dialect: WRITTEN.where(some, Notification.pk > bindparam("after", type_=BigInteger()), LISTED)
    .order_by(Notification.pk)
    .limit(bindparam("most", type_=Integer()))
    for dialect, some in SOME.items()
}
COUNTS = {
    dialect: select(Notification.recipient_id, func.count()).where(some, *UNREAD).group_by(Notification.recipient_id)
    for dialect, some in SOME.items()
}
NEWEST = {
    (archived, older): PERSONS.where(
        ARCHIVED if archived else LISTED, *((Notification.pk < bindparam("before", type_=BigInteger()),) if older else ())
    )
    for archived in (False, True)
    for older in (False, True)
}
