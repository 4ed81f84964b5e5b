"""Reading an inbox. Title, message and data come from the notification, or from its broadcast where one text serves all."""

import json
import uuid
from collections.abc import Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, or_

from tasks import public_id
from tasks.database import reading
from tasks.errors import InvalidOption
from tasks.inbox import statements
from tasks.inbox.cursor import Cursor
from tasks.models import Notification
from tasks.models.types import AnyRow

LONGEST_PAGE = 200  # messages


def owners(connection: Connection, external_ids: Collection[str]) -> dict[str, int]:
    """The rows of the people whom the outside calls so, by that name; without those whom nobody is, or is any more."""
    rows = connection.execute(statements.OWNERS[connection.dialect.name], {"names": list(external_ids)})
    return {row[0]: row[1] for row in rows}


def newest(
    connection: Connection, recipient_id: int, *, before: int | None = None, limit: int, archived: bool = False
) -> Sequence[Row[Any]]:
    """Up to `limit` rows of the list, or of the archive, newest first; with `before` (a notification's pk) only older ones."""
    given = {"recipient": recipient_id, "before": before, "most": limit}
    return connection.execute(statements.NEWEST[archived, before is not None], given).all()


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
    query = statements.ROWS.where(Notification.recipient_id == recipient_id, Notification.pk > cursor.floor, statements.LISTED)
    if cursor.ahead:
        query = query.where(Notification.pk.not_in(cursor.ahead))
    if within is not None:
        query = query.where(or_(Notification.pk <= within.floor, Notification.pk.in_(within.ahead)))
    return connection.execute(query.order_by(Notification.pk).limit(limit)).all()


def arrived(connection: Connection, recipient_ids: Collection[int], after: int, *, limit: int) -> Sequence[AnyRow]:
    """Up to `limit` rows of several people (at most 1,000) with a pk above `after`, oldest first: for `arrival`."""
    asked = {"recipients": list(recipient_ids), "after": after, "most": limit}
    return connection.execute(statements.ARRIVED[connection.dialect.name], asked).all()


def unread(connection: Connection, recipient_id: int) -> int:
    """How many messages of the list (not of the archive) the person has not read."""
    return int(connection.execute(statements.COUNT, {"recipient": recipient_id}).scalar_one())


def unread_many(connection: Connection, recipient_ids: Collection[int]) -> dict[int, int]:
    """The unread count of each of several people (at most 1,000)."""
    rows = connection.execute(statements.COUNTS[connection.dialect.name], {"recipients": list(recipient_ids)})
    return dict.fromkeys(recipient_ids, 0) | {row[0]: row[1] for row in rows}


def _uuid(written: object) -> uuid.UUID:
    try:
        return written if isinstance(written, uuid.UUID) else uuid.UUID(str(written))
    except ValueError:
        raise InvalidOption("This is not an id.", field="before", remedy="Give the `next` of the last page.") from None


def item(row: Row[Any]) -> dict[str, Any]:
    """A row of these queries as clients see it."""
    return {
        "id": public_id.text(public_id.NOTIFICATION, row.pk), "title": row.title, "message": row.message,
        "notification_type": row.notification_type, "data": {**(row.shared_data or {}), **(row.own_data or {})},
        "is_read": row.read_at is not None, "created_at": row.created_at.isoformat(),
    }


def arrival(row: AnyRow) -> dict[str, Any]:
    """A row of `arrived` as an event shows it, for orjson: live messages leave by the thousand."""
    pk, _, title, message, own, shared, notification_type, created_at, _ = row  # by name costs more than all the rest
    if own and shared:
        written = json.dumps({**json.loads(shared), **json.loads(own)}, separators=(",", ":"))
    else:
        written = own or shared or "{}"
    return {
        "id": public_id.text(public_id.NOTIFICATION, pk), "title": title, "message": message,
        "notification_type": notification_type, "data": orjson.Fragment(written), "created_at": created_at.isoformat(),
    }
