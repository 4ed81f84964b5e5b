"""Reading an inbox. Title, message and data come from the notification, or from its broadcast where one text serves all."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Integer, Row, Select, bindparam, func, or_, select

from tasks import public_id
from tasks.database import reading
from tasks.errors import InvalidOption
from tasks.inbox.cursor import Cursor
from tasks.models import Broadcast, Notification, Recipient, TemplateVersion

_UNREAD = (Notification.read_at.is_(None), Notification.archived_at.is_(None), Notification.deleted_at.is_(None))
LONGEST_PAGE = 200  # messages
_LISTED, _ARCHIVED = Notification.archived_at.is_(None), Notification.archived_at.is_not(None)
_ROWS: Select[Any] = (
    select(
        Notification.pk.label("pk"), Notification.recipient_id,
        func.coalesce(Notification.own_title, Broadcast.title, "").label("title"),
        func.coalesce(Notification.own_message, Broadcast.message, "").label("message"),
        Notification.own_data.label("own_data"), Broadcast.data.label("shared_data"), TemplateVersion.notification_type,
        Notification.created_at, Notification.read_at,
    )
    .join(TemplateVersion, Notification.template_version_id == TemplateVersion.id)
    .outerjoin(Broadcast, Notification.broadcast_id == Broadcast.pk)
    .where(Notification.deleted_at.is_(None))
)

# Built once: composing these costs more than running them, and each connection that comes runs them all.
_OWNER = select(Recipient.id).where(
    Recipient.external_id == bindparam("external_id"), Recipient.is_active, Recipient.deleted_at.is_(None)
)
_COUNT = (
    select(func.count()).select_from(Notification).where(Notification.recipient_id == bindparam("recipient"), *_UNREAD)
)
_PERSONS = (
    _ROWS.where(Notification.recipient_id == bindparam("recipient"))
    .order_by(Notification.pk.desc())
    .limit(bindparam("most", type_=Integer()))
)
# Several people. On PostgreSQL as one array: a statement with hundreds of placeholders is taken apart anew each time it is run.
_SOME: dict[str, ColumnElement[bool]] = {
    "sqlite": Notification.recipient_id.in_(bindparam("recipients", expanding=True)),
    "postgresql": Notification.recipient_id == func.any(bindparam("recipients", type_=ARRAY(BigInteger()))),
}
_ARRIVED = {
    dialect: _ROWS.where(some, Notification.pk > bindparam("after", type_=BigInteger()), _LISTED)
    .order_by(Notification.pk)
    .limit(bindparam("most", type_=Integer()))
    for dialect, some in _SOME.items()
}
_COUNTS = {
    dialect: select(Notification.recipient_id, func.count()).where(some, *_UNREAD).group_by(Notification.recipient_id)
    for dialect, some in _SOME.items()
}
_NEWEST = {
    (archived, older): _PERSONS.where(
        _ARCHIVED if archived else _LISTED, *((Notification.pk < bindparam("before", type_=BigInteger()),) if older else ())
    )
    for archived in (False, True)
    for older in (False, True)
}


def owner(connection: Connection, external_id: str) -> int | None:
    """The row of the person whom the outside calls `external_id`; None where nobody is, or is any more."""
    return connection.scalar(_OWNER, {"external_id": external_id})


def newest(
    connection: Connection, recipient_id: int, *, before: int | None = None, limit: int, archived: bool = False
) -> Sequence[Row[Any]]:
    """Up to `limit` rows of the list, or of the archive, newest first; with `before` (a notification's pk) only older ones."""
    given = {"recipient": recipient_id, "before": before, "most": limit}
    return connection.execute(_NEWEST[archived, before is not None], given).all()


def page(recipient_id: int, *, before: object = None, limit: int, archived: bool = False) -> dict[str, Any]:
    """A page of the list or of the archive as clients see it: {items, unread, next}; `next` is the `before` of the next one.

    Raises InvalidOption where `before` is not the id of a message.
    """
    older = None if before is None else public_id.decode(public_id.NOTIFICATION, _uuid(before))
    if before is not None and older is None:
        raise InvalidOption("There is no message with this id.", field="before", remedy="Give the `next` of the last page.")
    with reading() as connection:
        rows = newest(connection, recipient_id, before=older, limit=limit + 1, archived=archived)
        count = unread(connection, recipient_id)
    items = [item(row) for row in rows[:limit]]
    return {"items": items, "unread": count, "next": items[-1]["id"] if len(rows) > limit else None}


def since(
    connection: Connection, recipient_id: int, cursor: Cursor, *, limit: int, within: Cursor | None = None
) -> Sequence[Row[Any]]:
    """Up to `limit` rows that `cursor` has not seen, oldest first; with `within` only those that this other cursor has."""
    query = _ROWS.where(Notification.recipient_id == recipient_id, Notification.pk > cursor.floor, _LISTED)
    if cursor.ahead:
        query = query.where(Notification.pk.not_in(cursor.ahead))
    if within is not None:
        query = query.where(or_(Notification.pk <= within.floor, Notification.pk.in_(within.ahead)))
    return connection.execute(query.order_by(Notification.pk).limit(limit)).all()


def arrived(connection: Connection, recipient_ids: Collection[int], after: int, *, limit: int) -> Sequence[Row[Any]]:
    """Up to `limit` rows of several people (at most 1,000) with a pk above `after`, oldest first."""
    asked = {"recipients": list(recipient_ids), "after": after, "most": limit}
    return connection.execute(_ARRIVED[connection.dialect.name], asked).all()


def unread(connection: Connection, recipient_id: int) -> int:
    """How many messages of the list (not of the archive) the person has not read."""
    return int(connection.execute(_COUNT, {"recipient": recipient_id}).scalar_one())


def unread_many(connection: Connection, recipient_ids: Collection[int]) -> dict[int, int]:
    """The unread count of each of several people (at most 1,000)."""
    rows = connection.execute(_COUNTS[connection.dialect.name], {"recipients": list(recipient_ids)})
    return dict.fromkeys(recipient_ids, 0) | {row[0]: row[1] for row in rows}


def _uuid(written: object) -> uuid.UUID:
    try:
        return written if isinstance(written, uuid.UUID) else uuid.UUID(str(written))
    except ValueError:
        raise InvalidOption("This is not an id.", field="before", remedy="Give the `next` of the last page.") from None


def item(row: Row[Any]) -> dict[str, Any]:
    """A row of these queries as clients see it."""
    return {
        "id": str(public_id.encode(public_id.NOTIFICATION, row.pk)), "title": row.title, "message": row.message,
        "notification_type": row.notification_type, "data": {**(row.shared_data or {}), **(row.own_data or {})},
        "is_read": row.read_at is not None, "created_at": row.created_at.isoformat(),
    }
