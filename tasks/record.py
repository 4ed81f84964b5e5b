"""Writing down what will be sent: in-app rows and delivery rows, in the caller's transaction, two statements for any number.

A broadcast's rows are written by `tasks.record_same` and `tasks.record_each`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, Integer, Text, bindparam, case, insert, literal, null, or_, select

from tasks.audience.recipients import Person
from tasks.direct import Direct
from tasks.ledger import json_rows
from tasks.ledger.lease import LEASE
from tasks.models import Delivery, Notification
from tasks.models.types import UtcDateTime, db_clock, utcnow
from tasks.models.words import IN_APP, QUEUED, READ, SENDING, SENT
from tasks.plan import Plan
from tasks.render import Rendered
from tasks.route import Decision

Row = tuple[int, str, str, str, str, int, int]  # notification, channel, state, reason, provider, seconds until its turn, held


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's message, rendered and routed."""

    person: Person
    data: Mapping[str, Any] | None
    rendered: Rendered
    fields: Mapping[str, Any] | None
    decisions: Sequence[Decision]
    channel: str | None = None  # the outside channel the caller asked for


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease from birth: rows that this very call is going to send. `handed`: to the provider as soon as it is committed."""

    token: str
    process_id: int
    handed: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery row as it was written."""

    pk: int
    channel: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A notification's row and its deliveries, in-app first."""

    pk: int
    deliveries: tuple[Kept, ...]


def record(
    connection: Connection,
    plan: Plan,
    entries: Sequence[Entry],
    *,
    expires_in: float | None = None,
    priority: int | None = None,
    hold: Hold | None = None,
    is_test: bool = False,
    is_trial: bool = False,
) -> list[Recorded]:
    """Write the rows of `entries`, in order. The in-app row is always written, whatever the decisions say.

    `expires_in`, in seconds, bounds how long the outside channels may try. A message that `is_test`, unless it
    `is_trial`, is kept out of the person's inbox. Returns the new rows, one for each entry.
    """
    if not entries:
        return []
    pks = _notifications(connection, [_notification(plan, entry, is_test, is_trial) for entry in entries])
    rows = [
        row for pk, entry in zip(pks, entries, strict=True) for row in _rows(pk, entry, hold, is_test and not is_trial)
    ]
    now = utcnow()
    found = _DELIVERIES.all(connection, {
        "rows": json_rows.dump(rows), "now": now, "expires": expires_in,
        "priority": plan.policy.priority if priority is None else priority,
        "process": hold.process_id if hold else None, "token": hold.token if hold else None,
        "until": now + timedelta(seconds=LEASE), "handed": now if hold and hold.handed else None,
    })
    numbers = {(row.notification_id, row.channel): row.id for row in found}
    kept: dict[int, list[Kept]] = {pk: [] for pk in pks}
    for pk, channel, state, reason, *_ in rows:
        kept[pk].append(Kept(numbers[pk, channel], channel, state, reason))
    return [Recorded(pk, tuple(kept[pk])) for pk in pks]


def _notifications(connection: Connection, rows: list[dict[str, Any]]) -> list[int]:
    if len(rows) == 1:
        return [_inserting(ordered=False).first(connection, rows[0]).id]
    ordered = connection.dialect.name != "sqlite"
    pks: Sequence[int] = connection.execute(_inserting(ordered=ordered).statement, rows).scalars().all()
    return list(pks) if ordered else sorted(pks)


@cache  # composing it costs as much as running it
def _inserting(*, ordered: bool) -> Direct:
    # SQLite numbers the rows of one INSERT in their order; there SQLAlchemy would keep the order by one statement a row.
    table: Any = Notification.__table__
    return Direct(insert(table).returning(table.c.id, sort_by_parameter_order=ordered))


def _notification(plan: Plan, entry: Entry, is_test: bool, is_trial: bool) -> dict[str, Any]:
    return {
        "recipient_id": entry.person.pk,
        "template_version_id": plan.version_id,
        "title": entry.rendered.title,
        "message": entry.rendered.message,
        "data": entry.data,
        "recipient_fields": entry.fields,
        "channel": entry.channel,
        "created_at": utcnow(),
        "is_test": is_test,
        "is_trial": is_trial,
        "deleted_at": utcnow() if is_test and not is_trial else None,
    }


def _rows(pk: int, entry: Entry, hold: Hold | None, is_simulated: bool) -> list[Row]:
    """A message's deliveries, in-app first. What this call is going to send is in its hands from birth."""
    rows: list[Row] = [(pk, IN_APP, SENT, "", "simulator" if is_simulated else "socketio", 0, 0)]
    for decision in entry.decisions:
        held = hold is not None and decision.state == QUEUED and not decision.after
        state = SENDING if held else decision.state
        rows.append((pk, decision.channel, state, decision.reason, "", decision.after, int(held)))
    return rows


def _writing() -> Direct:
    """All rows in one value, whatever their number: the statement is composed once, and is one journey."""
    rows = json_rows.source("rows")
    state, wait, held = json_rows.column(rows, 2), json_rows.column(rows, 5, Float()), json_rows.column(rows, 6, Integer()) == 1
    now = bindparam("now", type_=UtcDateTime())
    values = {
        "notification_id": json_rows.column(rows, 0, BigInteger()),
        "channel": json_rows.column(rows, 1),
        "state": state,
        "reason": json_rows.column(rows, 3),
        "detail": literal(""),
        "provider": json_rows.column(rows, 4),
        "next_attempt_at": db_clock(wait),
        "unless": case((wait > 0, READ), else_=null()),
        "expires_at": db_clock(bindparam("expires", type_=Float())),
        "priority": bindparam("priority", type_=Integer()),
        "attempt_count": case((held, 1), else_=0),
        "reap_count": literal(0),
        "round": literal(1),
        "leased_by": case((held, bindparam("process", type_=Integer())), else_=null()),
        "lease_token": case((held, bindparam("token", type_=Text())), else_=null()),
        "lease_until": case((held, bindparam("until", type_=UtcDateTime())), else_=null()),
        "handed_at": case((held, bindparam("handed", type_=UtcDateTime())), else_=null()),
        "created_at": now,
        "closed_at": case((or_(state == QUEUED, state == SENDING), null()), else_=now),
    }
    inserting = insert(Delivery).from_select(list(values), select(*values.values()), include_defaults=False)
    return Direct(inserting.returning(*Delivery.__table__.c["id", "notification_id", "channel"]))


_DELIVERIES = _writing()
