"""What an editor of a segment looks at: how many and who, what a change does to it, and who has just had a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, select

from tasks.audience.grammar import compile_definition
from tasks.audience.tally import Tally, tally
from tasks.database import reading
from tasks.extensions import db
from tasks.models import Broadcast, Notification, Recipient, Segment, SegmentMember
from tasks.models.types import AnyRow, utcnow
from tasks.timed import TookTooLong, hurried

Condition = ColumnElement[bool]
DOZEN, FEW = 12, 5  # people shown of a segment, and of each side of a change
PATIENCE = 0.6  # seconds for examples
MOST_BROADCASTS = 5
PERSON = (Recipient.id, Recipient.external_id, Recipient.name, Recipient.email, Recipient.phone, Recipient.country)


@dataclass(frozen=True, slots=True)
class Look:
    """How many people, and some of them; `people` is None where finding examples took too long."""

    tally: Tally
    people: Sequence[AnyRow] | None


@dataclass(frozen=True, slots=True)
class Change:
    """What saving would do: who enters and who leaves, counted together (tally: enter, leave), with examples of each."""

    tally: Tally
    entering: Sequence[AnyRow] | None
    leaving: Sequence[AnyRow] | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of a segment's people (the tally's first count), those who were in each broadcast, and (last) in any of them."""

    broadcasts: Sequence[Broadcast]
    tally: Tally


def look(definition: object) -> Look:
    """Who a definition means now. Raises InvalidAudience."""
    where = compile_definition(definition, db.engine.dialect.name)
    return Look(tally(where), _some(where, DOZEN))


def change(segment: Segment, definition: object | None) -> Change:
    """What saving `definition` (None: the list of people it has) in place of the saved version would do.

    Both are read at one moment. Raises InvalidAudience.
    """
    now = utcnow()
    before, after = _means(segment, segment.definition, now), _means(segment, definition, now)
    entering, leaving = and_(after, not_(before)), and_(before, not_(after))
    found = tally(entering, leaving, among=or_(before, after))
    return Change(found, _some(entering, FEW), _some(leaving, FEW))


def overlap(segment: Segment | None, definition: object | None, days: int) -> Overlap:
    """How many of a segment's people were in the broadcasts of the last `days` days, the latest few. Raises InvalidAudience."""
    where = _means(segment, definition, utcnow())
    with reading() as connection:
        since = Broadcast.started_at >= utcnow() - timedelta(days=days)
        latest = select(Broadcast.pk).where(since, Broadcast.is_test.is_(False)).order_by(Broadcast.pk.desc())
        numbers = list(connection.execute(latest.limit(MOST_BROADCASTS)).scalars())
    rows = {row.pk: row for row in db.session.query(Broadcast).filter(Broadcast.pk.in_(numbers))}
    each = [_got([number]) for number in numbers]
    found = tally(where, *each, _got(numbers), among=where)
    return Overlap([rows[number] for number in numbers], found)


def _means(segment: Segment | None, definition: object | None, now: datetime) -> Condition:
    if definition is None:
        if segment is None:
            return false()
        return exists().where(SegmentMember.segment_id == segment.id, SegmentMember.recipient_id == Recipient.id)
    return compile_definition(definition, db.engine.dialect.name, now=now)


def _got(broadcasts: list[int]) -> Condition:
    if not broadcasts:
        return false()
    # "is not null" as the index has it: SQLite uses a partial index only where its condition stands in the query.
    of_broadcast = Notification.broadcast_id.is_not(None)
    return exists().where(of_broadcast, Notification.broadcast_id.in_(broadcasts), Notification.recipient_id == Recipient.id)


def _some(where: Condition, count: int) -> Sequence[AnyRow] | None:
    """A few of the people who match. Two steps: the ids may come from an index that holds all that is asked for."""
    few: Any = select(Recipient.id).where(Recipient.is_active, where).limit(count)
    try:
        with hurried(PATIENCE) as connection:
            numbers = list(connection.execute(few).scalars())
            return connection.execute(select(*PERSON).where(Recipient.id.in_(numbers)).order_by(Recipient.id)).all()
    except TookTooLong:
        return None
