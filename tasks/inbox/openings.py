"""What connections are given first, for many people at once: on PostgreSQL in one statement, however many they are."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Column, Connection, Integer, Row, Select, bindparam, func, select, true

from tasks.inbox import pages, statements
from tasks.inbox.cursor import Cursor
from tasks.models import Notification

FEW = 32  # messages ahead of its floor that a cursor may have to be served with the others

_PEOPLE = func.unnest(
    bindparam("recipients", type_=ARRAY(BigInteger())), bindparam("floors", type_=ARRAY(BigInteger()))
).table_valued(Column("person", BigInteger()), Column("floor", BigInteger()), name="asked").render_derived()


class Opening(NamedTuple):
    """Whose inbox, and where the client stands: None for the newest messages."""

    recipient_id: int
    since: Cursor | None


def opened(connection: Connection, asked: Sequence[Opening], *, limit: int) -> list[Sequence[Row[Any]]]:
    """For each of them up to `limit` rows: the newest, newest first, or what `since` has not seen, oldest first."""
    new = {one for one in asked if one.since is None}
    back = {one for one in asked if one.since is not None and len(one.since.ahead) <= FEW}
    if connection.dialect.name == "sqlite":
        new, back = set(), set()
    found = _together(connection, _NEWEST, new, limit) | _together(connection, _MISSED, back, limit)
    return [found[one] if one in found else _alone(connection, one, limit) for one in asked]


def _alone(connection: Connection, one: Opening, limit: int) -> Sequence[Row[Any]]:
    if one.since is None:
        return pages.newest(connection, one.recipient_id, limit=limit)
    return pages.since(connection, one.recipient_id, one.since, limit=limit)


def _together(
    connection: Connection, statement: Select[Any], asked: Collection[Opening], limit: int
) -> dict[Opening, Sequence[Row[Any]]]:
    """The same by one statement, which knows the floors; what lies ahead of a floor and was seen is left out here."""
    if not asked:
        return {}
    places = {(one.recipient_id, one.since.floor if one.since else 0) for one in asked}
    people, floors = zip(*places, strict=True)
    rows: dict[tuple[int, int], list[Row[Any]]] = {place: [] for place in places}
    for row in connection.execute(statement, {"recipients": list(people), "floors": list(floors), "most": limit + FEW}):
        rows[row.recipient_id, row.floor].append(row)
    return {
        one: rows[one.recipient_id, 0][:limit] if one.since is None
        else [row for row in rows[one.recipient_id, one.since.floor] if not one.since.has(row.pk)][:limit]
        for one in asked
    }


def _each(*further: Any, newest_first: bool) -> Select[Any]:
    pk = Notification.pk
    rows = (
        statements.ROWS.where(Notification.recipient_id == _PEOPLE.c.person, statements.LISTED, *further)
        .order_by(pk.desc() if newest_first else pk)
        .limit(bindparam("most", type_=Integer()))
        .lateral("rows")
    )
    every = select(rows, _PEOPLE.c.floor).select_from(_PEOPLE).join(rows, true())
    return every.order_by(rows.c.pk.desc() if newest_first else rows.c.pk)


_NEWEST = _each(newest_first=True)
_MISSED = _each(Notification.pk > _PEOPLE.c.floor, newest_first=False)
