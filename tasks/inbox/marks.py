"""Read, unread, archive, unarchive, delete: idempotent, only ever one's own, and told to the person's other devices.

An archived message has left the list and the badge; whether it was read stays as it was, so that unarchiving brings back
exactly what there was. A deleted one is gone for the person; its row stays for the log until `carillon prune`.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select, update

from tasks import public_id
from tasks.database import reading, upsert, writing
from tasks.errors import InvalidOption
from tasks.inbox.pages import unread
from tasks.ledger import escalation
from tasks.ledger.processes import current_process_id
from tasks.models import InboxChange, Notification
from tasks.models.types import db_clock

BATCH = 1_000  # rows of one transaction: "read all" of a full inbox must not hold up the senders
MOST = 1_000  # ids of one call
NAMED = 500  # ids that a change names; beyond that, the devices look for themselves

READ: Final = "read"
UNREAD: Final = "unread"
ARCHIVE: Final = "archive"
UNARCHIVE: Final = "unarchive"
DELETE: Final = "delete"
REFRESH: Final = "refresh"  # no action of a person's: something changed, and nobody could say what


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a person's messages. `number` counts the person's changes; `pks` is None where they are too many."""

    recipient_id: int
    number: int
    action: str
    pks: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Marked:
    """What a call did: the unread count afterwards, how many of the ids were no message of this person's, and the change."""

    unread: int
    unknown: int
    change: Change  # without pks where nothing changed: the devices get the count all the same


_IN_LIST = Notification.archived_at.is_(None)
# action: which rows it changes, to what, and which of them "all" means
_ACTIONS: Mapping[str, tuple[ColumnElement[bool], Mapping[str, Any], ColumnElement[bool]]] = {
    READ: (Notification.read_at.is_(None), {"read_at": db_clock()}, _IN_LIST),
    UNREAD: (Notification.read_at.is_not(None), {"read_at": None}, _IN_LIST),
    ARCHIVE: (Notification.archived_at.is_(None), {"archived_at": db_clock()}, _IN_LIST),
    UNARCHIVE: (Notification.archived_at.is_not(None), {"archived_at": None}, Notification.archived_at.is_not(None)),
    DELETE: (Notification.deleted_at.is_(None), {"deleted_at": db_clock()}, _IN_LIST),
}
_CHANGE = (InboxChange.recipient_id, InboxChange.number)
ACTIONS = tuple(_ACTIONS)
_SEEN = frozenset({READ, ARCHIVE, DELETE})  # these end an escalation


def mark(recipient_id: int, action: str, ids: Sequence[object] | None) -> Marked:
    """Do `action` (of ACTIONS) to the messages with these public ids, or to all of the list (unarchive: all of the archive).

    Ids that are no message of this person's change nothing; what is marked already stays as it is, with its moment. Raises
    InvalidOption for more than MOST ids, or one that is not an id at all. Tell the other devices with `live.changed`.
    """
    todo, values, everything = _ACTIONS[action]
    known = None if ids is None else _own(recipient_id, _numbers(ids))
    query = select(Notification.pk).where(Notification.recipient_id == recipient_id, Notification.deleted_at.is_(None), todo)
    with reading() as connection:
        chosen = query.where(everything) if known is None else query.where(Notification.pk.in_(known))
        waiting = connection.execute(chosen.order_by(Notification.pk)).scalars().all()
    slot, number, changed = current_process_id() if waiting else 0, 0, 0
    for start in range(0, len(waiting), BATCH):
        some = waiting[start : start + BATCH]
        with writing() as connection:
            number = _note(connection, recipient_id)
            changed += connection.execute(update(Notification).where(Notification.pk.in_(some), todo).values(**values)).rowcount
            if action in _SEEN:
                escalation.cancel(connection, some, slot)
    with reading() as connection:
        count = unread(connection, recipient_id)
    named = (tuple(waiting) if len(waiting) <= NAMED else None) if changed else ()
    return Marked(count, len(ids or ()) - len(known or ()), Change(recipient_id, number, action, named))


def _note(connection: Connection, recipient_id: int) -> int:
    """Count the change. First in its transaction, so that two devices of a person wait for each other and never in a circle."""
    statement = upsert(InboxChange, connection.dialect.name).values(
        recipient_id=recipient_id, number=1, changed_at=db_clock()
    )
    return int(connection.execute(
        statement.on_conflict_do_update(
            index_elements=["recipient_id"], set_={"number": InboxChange.number + 1, "changed_at": db_clock()}
        ).returning(InboxChange.number)
    ).scalar_one())


def changes(connection: Connection, within: float, before: float = 0.0) -> dict[int, int]:
    """Whose messages were marked in the last `within` seconds, but not in the last `before`: the number of the last change."""
    # As subqueries: a clock that runs inside the condition keeps PostgreSQL off the index.
    since, until = (select(db_clock(-seconds)).scalar_subquery() for seconds in (within, before))
    recent = InboxChange.changed_at.between(since, until)
    return {row.recipient_id: row.number for row in connection.execute(select(*_CHANGE).where(recent))}


def _numbers(ids: Sequence[object]) -> set[int]:
    if isinstance(ids, str) or len(ids) > MOST:
        raise InvalidOption(f"ids is not a list of at most {MOST} ids.", field="/ids", remedy="Send them in several calls.")
    found = set()
    for place, value in enumerate(ids):
        try:
            number = public_id.decode(public_id.NOTIFICATION, value if isinstance(value, uuid.UUID) else uuid.UUID(str(value)))
        except ValueError:
            remedy = "Give the ids that the inbox shows, as they are."
            raise InvalidOption(f"ids[{place}] is not an id.", field=f"/ids/{place}", remedy=remedy) from None
        if number is not None:
            found.add(number)
    return found


def _own(recipient_id: int, pks: set[int]) -> Sequence[int]:
    query = select(Notification.pk).where(
        Notification.pk.in_(pks), Notification.recipient_id == recipient_id, Notification.deleted_at.is_(None)
    )
    with reading() as connection:
        return connection.execute(query).scalars().all()
