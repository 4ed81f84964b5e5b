"""One text for all: a part of a broadcast's audience written by the database itself, whatever its size.

No row passes through Python. What `tasks.route.decide` says of one person is said here of all of them, in SQL; a test compares
the two for every kind of person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    exists,
    insert,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from tasks.audience.frozen import Part, is_member
from tasks.models import Delivery, Device, Notification, OptOut, Recipient
from tasks.models.types import AnyRow, UtcDateTime, db_clock
from tasks.models.words import EMAIL, IN_APP, PUSH, QUEUED, SENT, SKIPPED, SMS
from tasks.plan import Plan

GONE = case((Recipient.deleted_at.is_not(None), "recipient_deleted"), else_="recipient_inactive")


@dataclass(frozen=True, slots=True)
class _Ringing:
    """The two statements of an outside channel: for those whom it rings, and for the others."""

    queued: Insert
    skipped: Insert


def record_same(
    connection: Connection, plan: Plan, broadcast: AnyRow, part: Part, channels: Sequence[str]
) -> Counter[tuple[str, str]]:
    """Write the rows of the people of `part`, on in-app and the outside `channels`: two or three INSERT ... SELECT, and one or
    two for each channel. Returns how many rows there are of each (channel, state). Not for a broadcast that is a test.

    Who is switched off or deleted by now belongs to the audience all the same: their rows are skipped with that reason, the
    message stays out of their inbox.
    """
    values = {
        "broadcast": broadcast.pk, "after": part.after, "upto": part.upto, "version": plan.version_id,
        "type": plan.notification_type, "priority": plan.policy.priority, "expires": broadcast.expires_at,
        "forced": broadcast.channels[0] if broadcast.channels else None,
    }

    def write(statement: Insert) -> int:
        # How many is asked for beforehand: once the cursor is closed, it is too late.
        return connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount

    write(_notes(connection.dialect.name))
    found: Counter[tuple[str, str]] = Counter()
    found[IN_APP, SENT] = sent_in_app(connection, values)
    if found[IN_APP, SENT] < part.count:
        found[IN_APP, SKIPPED] = write(_kept_out())
    for channel in channels:
        ringing = _ringing(channel, plan.policy.mandatory)
        found[channel, QUEUED] = write(ringing.queued)
        if found[channel, QUEUED] < part.count:
            found[channel, SKIPPED] = write(ringing.skipped)
    return found


def sent_in_app(connection: Connection, values: Mapping[str, Any]) -> int:
    """Write the in-app rows of the messages of a part that are in their people's inboxes. Returns how many they are."""
    return connection.execute(_sent(), values, execution_options={"preserve_rowcount": True}).rowcount


# The statements are built once each: composing one costs as much as writing a thousand rows.


def _given(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any]) -> ColumnElement[Any]:
    return bindparam(name, type_=kind)


@cache
def _notes(dialect: str) -> Insert:
    values: dict[str, ColumnElement[Any]] = {
        "recipient_id": Recipient.__table__.c.id,
        "template_version_id": _given("version", Integer),
        "broadcast_id": _given("broadcast", Integer),
        "channel": _given("forced", Text),
        "created_at": db_clock(),
        "deleted_at": case((Recipient.is_active, null()), else_=db_clock()),
    }
    statement = select(*values.values()).select_from(Recipient).where(is_member(dialect)).order_by(Recipient.id)
    return insert(Notification).from_select(list(values), statement, include_defaults=False)


@cache
def _sent() -> Insert:
    closed: dict[str, ColumnElement[Any]] = {"provider": literal("socketio"), "closed_at": db_clock()}
    return _rows(IN_APP, SENT, literal(""), closed, Notification.deleted_at.is_(None), known=False)


@cache
def _kept_out() -> Insert:
    return _rows(IN_APP, SKIPPED, GONE, {"closed_at": db_clock()}, Notification.deleted_at.is_not(None))


@cache
def _ringing(channel: str, mandatory: bool) -> _Ringing:
    reason = why_not(channel, mandatory)
    due: dict[str, ColumnElement[Any]] = {"next_attempt_at": db_clock(), "expires_at": _given("expires", UtcDateTime())}
    return _Ringing(
        _rows(channel, QUEUED, literal(""), due, reason == ""),
        _rows(channel, SKIPPED, reason, {"closed_at": db_clock()}, reason != ""),
    )


def _rows(
    channel: str,
    state: str,
    reason: ColumnElement[str],
    more: Mapping[str, ColumnElement[Any]],
    condition: ColumnElement[bool],
    *,
    known: bool = True,
) -> Insert:
    """Delivery rows for the notifications of a part that meet a condition; `known`: it asks about the people too."""
    values: dict[str, ColumnElement[Any]] = {
        "notification_id": Notification.__table__.c.id,
        "broadcast_id": _given("broadcast", Integer),
        "channel": literal(channel),
        "state": literal(state),
        "reason": reason,
        "detail": literal(""),
        "provider": literal(""),
        "attempt_count": literal(0),
        "reap_count": literal(0),
        "priority": _given("priority", Integer),
        "created_at": db_clock(),
        **more,
    }
    mine = and_(
        Notification.broadcast_id == _given("broadcast", Integer),
        Notification.recipient_id > _given("after", BigInteger),
        Notification.recipient_id <= _given("upto", BigInteger),
    )
    table = Notification.__table__
    source = table.join(Recipient.__table__, Recipient.id == Notification.recipient_id) if known else table
    rows = select(*values.values()).select_from(source).where(mine, condition)
    return insert(Delivery).from_select(list(values), rows, include_defaults=False)


def why_not(channel: str, mandatory: bool) -> ColumnElement[str]:
    """Why a channel does not ring for a recipient, '' where it does: `tasks.route.decide` in SQL. It wants the value `type`."""
    opted_out = exists().where(
        OptOut.recipient_id == Recipient.id,
        OptOut.notification_type == _given("type", Text),
        or_(OptOut.channel == "*", OptOut.channel == channel),
    )
    has: dict[str, ColumnElement[bool]] = {
        EMAIL: Recipient.email != "",
        SMS: Recipient.phone != "",
        PUSH: exists().where(Device.recipient_id == Recipient.id, Device.is_active),
    }
    why = {EMAIL: "no_email", SMS: "no_phone", PUSH: "no_device"}[channel]
    refusing = () if mandatory else ((opted_out, literal("opted_out")),)
    return case((~Recipient.is_active, GONE), *refusing, (has[channel], literal("")), else_=literal(why))
