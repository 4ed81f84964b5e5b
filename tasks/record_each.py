"""A text of each person's own: a part of a broadcast's audience, rendered and routed here, written a few hundred at a time.

The rows go to the database as one value and become rows there: no RETURNING, and nothing that is done for each row on the way.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from json import dumps
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Insert,
    Integer,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    select,
)

from tasks.audience.frozen import Part
from tasks.audience.recipients import Person
from tasks.ledger import json_rows
from tasks.models import Delivery, Notification
from tasks.models.types import AnyRow, Json, UtcDateTime, db_clock
from tasks.models.words import FAILED, IN_APP, QUEUED, READ, SENT, SKIPPED
from tasks.plan import Plan
from tasks.record_same import sent_in_app
from tasks.render import Rendered
from tasks.route import Decision, gone


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's part of a broadcast. `rendered` is None where the broadcast keeps one text for all.

    `problem`: why the template failed for this person. The rows are written all the same, closed as failed and kept out of the
    inbox: the audience adds up, and the log says who did not get it.
    """

    person: Person
    rendered: Rendered | None
    fields: Mapping[str, Any] | None
    decisions: Sequence[Decision]
    problem: str = ""


Row = tuple[int, str, str, str, str, str, int]  # recipient, channel, state, reason, detail, provider, seconds until its turn


def record_each(
    connection: Connection, plan: Plan, broadcast: AnyRow, entries: Sequence[Entry], part: Part
) -> tuple[Counter[tuple[str, str]], list[int]]:
    """Write the rows of `entries`, the people of `part`. Returns how many rows there are of each (channel, state), and the first
    and the last number of the notifications.

    Who is switched off or deleted by now belongs to the audience all the same: their rows are skipped with that reason, the
    message stays out of their inbox.
    """
    if not entries:
        return Counter(), []
    values = {
        "broadcast": broadcast.pk, "after": part.after, "upto": part.upto, "version": plan.version_id,
        "priority": plan.policy.priority, "expires": broadcast.expires_at, "is_test": bool(broadcast.is_test),
        "forced": broadcast.channels[0] if broadcast.channels else None,
    }
    notes = [_note(entry, hidden=broadcast.is_test) for entry in entries]
    connection.execute(_notes(connection.dialect.name), {**values, "rows": json_rows.dump(notes)})
    found = Counter({(IN_APP, SENT): sent_in_app(connection, values)})
    rows = [row for entry in entries for row in _rows(entry, is_test=broadcast.is_test)]
    if rows:
        connection.execute(_deliveries(), {**values, "rows": json_rows.dump(rows)})
        found.update((channel, state) for _, channel, state, *_ in rows)
    first, last = connection.execute(_span(), values).one()
    return found, [first, last]


def _note(entry: Entry, *, hidden: bool) -> tuple[int, str | None, str | None, str | None, int]:
    title, message = (entry.rendered.title, entry.rendered.message) if entry.rendered else (None, None)
    fields = None if entry.fields is None else dumps(entry.fields, ensure_ascii=False)
    return entry.person.pk, title, message, fields, int(hidden or bool(entry.problem or gone(entry.person)))


def _rows(entry: Entry, *, is_test: bool) -> list[Row]:
    """The rows of a person's part, but for that of a message that is in the inbox: the database writes those by itself."""
    pk, reason = entry.person.pk, gone(entry.person)
    channels = (IN_APP, *(decision.channel for decision in entry.decisions))
    if reason:
        return [(pk, channel, SKIPPED, reason, "", "", 0) for channel in channels]
    if entry.problem:
        return [(pk, channel, FAILED, "render_failed", entry.problem, "", 0) for channel in channels]
    rows = [(pk, one.channel, one.state, one.reason, "", "", one.after) for one in entry.decisions]
    return [(pk, IN_APP, SENT, "", "", "simulator", 0), *rows] if is_test else rows


@cache
def _notes(dialect: str) -> Insert:
    rows = json_rows.source("rows")
    fields = json_rows.column(rows, 3)
    values = {
        "recipient_id": json_rows.column(rows, 0, Integer()),
        "title": json_rows.column(rows, 1),
        "message": json_rows.column(rows, 2),
        "recipient_fields": cast(fields, Json) if dialect == "postgresql" else fields,  # SQLite would make a number of it
        "deleted_at": case((json_rows.column(rows, 4, Integer()) == 1, db_clock()), else_=null()),
        "template_version_id": bindparam("version", type_=Integer()),
        "broadcast_id": bindparam("broadcast", type_=Integer()),
        "channel": bindparam("forced", type_=Notification.channel.type),
        "is_test": bindparam("is_test", type_=Notification.is_test.type),
        "created_at": db_clock(),
    }
    return insert(Notification).from_select(list(values), select(*values.values()), include_defaults=False)


@cache
def _deliveries() -> Insert:
    rows = json_rows.source("rows")
    # A look for each row, not a join: SQLite might begin that with every message of the broadcast.
    its = (
        select(Notification.pk)
        .where(
            Notification.broadcast_id == bindparam("broadcast", type_=Integer()),
            Notification.recipient_id == json_rows.column(rows, 0, Integer()),
        )
        .correlate(rows)
        .scalar_subquery()
    )
    state, wait = json_rows.column(rows, 2), json_rows.column(rows, 6, Float())
    values = {
        "notification_id": its,
        "channel": json_rows.column(rows, 1),
        "state": state,
        "reason": json_rows.column(rows, 3),
        "detail": json_rows.column(rows, 4),
        "provider": json_rows.column(rows, 5),
        "next_attempt_at": db_clock(wait),
        "unless": case((wait > 0, READ), else_=null()),
        "closed_at": case((state == QUEUED, null()), else_=db_clock()),
        "expires_at": bindparam("expires", type_=UtcDateTime()),
        "broadcast_id": bindparam("broadcast", type_=Integer()),
        "priority": bindparam("priority", type_=Integer()),
        "attempt_count": literal(0),
        "reap_count": literal(0),
        "created_at": db_clock(),
    }
    return insert(Delivery).from_select(list(values), select(*values.values()), include_defaults=False)


@cache
def _span() -> Any:
    return select(func.min(Notification.pk), func.max(Notification.pk)).where(
        Notification.broadcast_id == bindparam("broadcast", type_=Integer()),
        Notification.recipient_id > bindparam("after", type_=BigInteger()),
        Notification.recipient_id <= bindparam("upto", type_=BigInteger()),
    )
