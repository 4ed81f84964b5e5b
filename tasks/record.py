"""Writing down what will be sent: in-app rows and delivery rows, in the caller's transaction, two statements for any number.

A broadcast's rows are written by `tasks.record_same` and `tasks.record_each`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Float, bindparam, insert
from sqlalchemy.sql.dml import ReturningInsert

from tasks.audience.recipients import Person
from tasks.ledger.lease import LEASE
from tasks.models import Delivery, Notification
from tasks.models.types import db_clock, utcnow
from tasks.models.words import IN_APP, QUEUED, READ, SENDING, SENT
from tasks.plan import Plan
from tasks.render import Rendered
from tasks.route import Decision


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
    pks = _insert(connection, Notification, [_notification(plan, entry, is_test, is_trial) for entry in entries])
    rows = [
        row
        for pk, entry in zip(pks, entries, strict=True)
        for row in _deliveries(pk, entry, plan.policy.priority if priority is None else priority, hold, is_test and not is_trial)
    ]
    found: dict[int, list[Kept]] = {pk: [] for pk in pks}
    for after, some in _by_moment(rows):
        timed = {"after": float(after), "unless": READ if after else None, "expires": expires_in}
        for pk, row in zip(_insert(connection, Delivery, [{**row, **timed} for row in some]), some, strict=True):
            found[row["notification_id"]].append(Kept(pk, row["channel"], row["state"], row["reason"]))
    return [Recorded(pk, tuple(found[pk])) for pk in pks]


def _by_moment(rows: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, list[dict[str, Any]]]]:
    """The rows (seconds until their turn, values), those of one moment together, as the clock is one value of a statement."""
    return [(after, [row for its, row in rows if its == after]) for after in sorted({after for after, _ in rows})]


def _insert(connection: Connection, model: Any, rows: list[dict[str, Any]]) -> list[int]:
    ordered = connection.dialect.name != "sqlite" and len(rows) > 1
    pks: Sequence[int] = connection.execute(_inserting(model, ordered), rows).scalars().all()
    return list(pks) if ordered else sorted(pks)


@cache  # composing it costs as much as running it
def _inserting(model: Any, ordered: bool) -> ReturningInsert[Any]:
    # SQLite numbers the rows of one INSERT in their order; there SQLAlchemy would keep the order by one statement a row.
    return insert(model.__table__).values(_CLOCKED.get(model, {})).returning(
        model.__table__.c.id, sort_by_parameter_order=ordered
    )


# What the database's clock says when the row is written, `after` and `expires` seconds from then. Without the latter: never.
_CLOCKED: dict[Any, dict[str, Any]] = {
    Delivery: {
        "next_attempt_at": db_clock(bindparam("after", type_=Float())),
        "expires_at": db_clock(bindparam("expires", type_=Float())),
    }
}


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


def _deliveries(
    pk: int, entry: Entry, priority: int, hold: Hold | None, is_simulated: bool
) -> list[tuple[int, dict[str, Any]]]:
    now = utcnow()
    base = {
        "notification_id": pk,
        "priority": priority,
        "created_at": now,
        "detail": "",
        "provider": "",
        "attempt_count": 0,
        "reap_count": 0,
        "leased_by": None,
        "lease_token": None,
        "lease_until": None,
        "handed_at": None,
    }
    provider = "simulator" if is_simulated else "socketio"
    rows = [(0, {**base, "channel": IN_APP, "state": SENT, "reason": "", "provider": provider, "closed_at": now})]
    for decision in entry.decisions:
        row = {**base, "channel": decision.channel, "state": decision.state, "reason": decision.reason}
        row["closed_at"] = None if decision.state == QUEUED else now
        if hold and decision.state == QUEUED and not decision.after:
            row |= {
                "state": SENDING,
                "attempt_count": 1,
                "leased_by": hold.process_id,
                "lease_token": hold.token,
                "lease_until": now + timedelta(seconds=LEASE),
                "handed_at": now if hold.handed else None,
            }
        rows.append((decision.after, row))
    return rows
