"""The audience of a broadcast, frozen when the sending starts: who belongs to it is settled before the first row is written.

Somebody whose attributes change, or a list that is edited, while a million rows are being written would otherwise be in or out
by accident, depending on the page they stand on. Two choices make it cheap:

- The people are kept as lists of `SIZE` ids. A row a person, with a key and its index, cost as much as an in-app message; the
  lists cost a few hundredths of that, in time and on disk.
- They are written in one transaction with the mark that says so (`frozen_at`), so no crash can leave half a copy. On PostgreSQL
  that is one INSERT ... SELECT, which sees one moment and holds up nobody. On SQLite, where a writer holds up every other,
  the ids are read first, from a snapshot of one moment; only the finished lists (7 bytes a person) are written under the lock.

Nothing is cheaper and true: for "all" the highest id would bound who comes, but not who is switched off meanwhile.
Who is deleted or switched off after the freeze stays in the audience, and their rows are skipped with the reason.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, bindparam, func, insert, literal, select, true, update

from tasks.database import snapshot, writing
from tasks.extensions import db
from tasks.models import Broadcast, BroadcastPage, Recipient, SendPlan, SendPlanPage
from tasks.models.types import db_clock
from tasks.models.words import EXPANDING

SIZE = 500  # people in one list: the pages of a fan-out are made of whole ones, and a list fits on a page of SQLite's


@dataclass(frozen=True, slots=True)
class Part:
    """The next people of a frozen audience: recipients.id above `after`, up to `upto`."""

    after: int
    upto: int
    count: int
    is_last: bool


def freeze(broadcast_pk: int, where: ColumnElement[bool]) -> bool:
    """Settle who belongs to a broadcast that is being expanded: the people who match `where` at this moment, each once.

    False where it was stopped meanwhile; True where it is frozen, by this call or another worker's before it.
    """
    pages = _pages_of(where) if db.engine.dialect.name == "sqlite" else None
    return _settle(broadcast_pk, lambda connection: _write(connection, broadcast_pk, where, pages))


def adopt(broadcast_pk: int, plan_hash: str) -> bool:
    """Settle who belongs to a broadcast that is held to a plan: the plan's people, no others. True and False as `freeze` says."""
    lists = (
        select(literal(broadcast_pk), SendPlanPage.last_id, SendPlanPage.count, SendPlanPage.people)
        .join(SendPlan, SendPlan.id == SendPlanPage.plan_id)
        .where(SendPlan.hash == plan_hash)
    )
    names = ["broadcast_id", "last_id", "count", "people"]
    statement = insert(BroadcastPage).from_select(names, lists, include_defaults=False)
    return _settle(broadcast_pk, lambda connection: connection.execute(statement))


def _settle(broadcast_pk: int, write: Callable[[Connection], Any]) -> bool:
    with writing() as connection:
        here = (Broadcast.pk == broadcast_pk, Broadcast.state == EXPANDING)
        mine = connection.execute(update(Broadcast).where(*here, Broadcast.frozen_at.is_(None)).values(frozen_at=db_clock()))
        if mine.rowcount:
            write(connection)
            total = select(func.coalesce(func.sum(BroadcastPage.count), 0)).where(BroadcastPage.broadcast_id == broadcast_pk)
            connection.execute(update(Broadcast).where(*here).values(audience_count=total.scalar_subquery()))
            return True
        return connection.execute(select(Broadcast.pk).where(*here)).first() is not None


def look(connection: Connection, where: ColumnElement[bool]) -> Iterator[list[int]]:
    """The ids of the people whom a freeze would settle on at this moment, `SIZE` at a time, in their order."""
    people = _matching(where).order_by(Recipient.id).execution_options(yield_per=10 * SIZE)
    for some in connection.execute(people).scalars().partitions(SIZE):
        yield list(some)


def next_part(connection: Connection, broadcast_pk: int, after: int, people: int, room: int | None = None) -> Part:
    """The next `people` (rounded to whole lists, at least one) of a frozen audience after recipients.id `after`.

    Never more than `room`, where that is given: the list that goes beyond it is cut in two.
    """
    wanted = max(1, people // SIZE)
    if room is not None:
        wanted = min(wanted, 1 + room // SIZE)
        _cut(connection, broadcast_pk, after, room)
    rows = connection.execute(
        select(BroadcastPage.last_id, BroadcastPage.count.label("people"))
        .where(BroadcastPage.broadcast_id == broadcast_pk, BroadcastPage.last_id > after)
        .order_by(BroadcastPage.last_id)
        .limit(wanted + 1)
    ).all()
    taken = list(rows[:wanted])
    while room is not None and sum(row.people for row in taken) > room:
        taken.pop()
    return Part(after, taken[-1].last_id if taken else after, sum(row.people for row in taken), len(rows) == len(taken))


def _cut(connection: Connection, broadcast_pk: int, after: int, room: int) -> None:
    """Cut the list in which the `room`-th person after `after` stands behind them, unless they end it."""
    pages = select(BroadcastPage.last_id, BroadcastPage.count).where(BroadcastPage.broadcast_id == broadcast_pk)
    nearest = pages.where(BroadcastPage.last_id > after).order_by(BroadcastPage.last_id).limit(room // SIZE + 2)
    across = None
    for page in connection.execute(nearest).all():
        if room < page[1]:
            across = page
            break
        room -= page[1]
    if across is None or not room:
        return
    this = and_(BroadcastPage.broadcast_id == broadcast_pk, BroadcastPage.last_id == across.last_id)
    kept = connection.execute(select(BroadcastPage.people).where(this)).scalar_one()
    ids = sorted(json.loads(kept) if isinstance(kept, str) else kept)
    first, rest = ids[:room], ids[room:]
    as_kept = json.dumps if isinstance(kept, str) else list
    connection.execute(update(BroadcastPage).where(this).values(people=as_kept(rest), count=len(rest)))
    values = {"broadcast_id": broadcast_pk, "last_id": first[-1], "count": len(first), "people": as_kept(first)}
    connection.execute(insert(BroadcastPage).values(values))


@cache
def is_member(dialect: str) -> ColumnElement[bool]:
    """The condition that a recipient belongs to a part. It wants the values `broadcast`, `after`, `upto`.

    No join, and bounds besides: in whatever order the database takes this, it looks at nobody outside the part's own range.
    """
    after, upto = bindparam("after", type_=Integer()), bindparam("upto", type_=Integer())
    lists = and_(
        BroadcastPage.broadcast_id == bindparam("broadcast", type_=Integer()),
        BroadcastPage.last_id > after,
        BroadcastPage.last_id <= upto,
    )
    person: Any
    if dialect == "sqlite":
        one = func.json_each(BroadcastPage.people).table_valued("value", name="one")
        person = one.c.value
    else:
        one = func.unnest(BroadcastPage.people).table_valued("person", name="one").render_derived()
        person = one.c.person
    ids = select(person).select_from(BroadcastPage.__table__.join(one, true())).where(lists)
    return and_(Recipient.id.in_(ids), Recipient.id > after, Recipient.id <= upto)


def _matching(where: ColumnElement[bool]) -> Select[int]:
    return select(Recipient.id).where(where, Recipient.is_active)


def _pages_of(where: ColumnElement[bool]) -> list[dict[str, Any]]:
    with snapshot() as connection:
        return list(_read(connection, where))


def _read(connection: Connection, where: ColumnElement[bool]) -> Iterator[dict[str, Any]]:
    """The lists, made by SQLite itself a page at a time, all from one moment: a reader in WAL mode holds up nobody."""
    some = _matching(where).where(Recipient.id > bindparam("after")).order_by(Recipient.id).limit(SIZE).subquery("some")
    page = select(func.json_group_array(some.c.id), func.max(some.c.id), func.count())
    after = 0
    while True:
        people, last, count = connection.execute(page, {"after": after}).one()
        if count:
            yield {"last_id": last, "count": count, "people": people}
        if count < SIZE:
            return
        after = last


def _write(
    connection: Connection, broadcast_pk: int, where: ColumnElement[bool], pages: list[dict[str, Any]] | None
) -> None:
    if pages is not None:
        if pages:
            connection.execute(insert(BroadcastPage), [{"broadcast_id": broadcast_pk, **page} for page in pages])
        return
    number = ((func.row_number().over(order_by=Recipient.id) - 1) // SIZE).label("number")
    numbered = _matching(where).add_columns(number).subquery("numbered")
    columns = (func.max(numbered.c.id), func.count(), func.array_agg(numbered.c.id))
    lists = select(literal(broadcast_pk), *columns).group_by(numbered.c.number)
    names = ["broadcast_id", "last_id", "count", "people"]
    connection.execute(insert(BroadcastPage).from_select(names, lists, include_defaults=False))
