"""Pause, resume, cancel: compare-and-set on the broadcast's state, so that of two who press one acts and the other is told."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from tasks import outbox, timetable
from tasks.database import writing
from tasks.errors import UnknownBroadcast, WrongState
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import AuditEntry, Broadcast, Delivery
from tasks.models.delivery import DUE
from tasks.models.types import db_clock, utcnow
from tasks.models.words import CANCELLED, DUE_STATES, EXPANDING, MISSED, OUTSIDE_CHANNELS, PAUSED, QUEUED, SCHEDULED, SENDING

PAGE = 5_000
PAST = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}
STOPPABLE = (SCHEDULED, QUEUED, EXPANDING, SENDING)


def pause(pk: int, actor: str, *, reason: str = "", version: int | None = None) -> Broadcast:
    """Stop a broadcast for now. What is in a provider's hands goes out (at most one hand-over per worker); nothing after it.

    `reason`: why, in words, where nobody pressed a button; `version`: only if nobody changed it since. Raises UnknownBroadcast,
    or WrongState where it is not running.
    """
    values = {"state": PAUSED, "state_before_pause": Broadcast.state, "pause_reason": reason}
    return _change(pk, actor, "pause", STOPPABLE, lambda _: values, reason=reason, version=version)


def resume(pk: int, actor: str) -> Broadcast:
    """Let a paused broadcast go on where it stopped; what failed so far is forgiven: only new failures pause it by themselves.

    A missed one, or one whose time came while it was paused, starts now, and expires counted from now. Raises UnknownBroadcast,
    or WrongState where it is neither paused nor missed.
    """
    return _change(pk, actor, "resume", (PAUSED, MISSED), lambda connection: _resumed(connection, pk))


def cancel(pk: int, actor: str) -> Broadcast:
    """Stop a broadcast for good: what has not been handed over is marked cancelled. Raises UnknownBroadcast or WrongState."""
    return _change(pk, actor, "cancel", (*STOPPABLE, PAUSED, MISSED), lambda _: {"state": CANCELLED})


def _resumed(connection: Connection, pk: int) -> dict[str, Any]:
    common = {"state_before_pause": None, "pause_reason": "", "pause_baseline": counts.closed(connection, pk)}
    waits = or_(Broadcast.state == MISSED, Broadcast.state_before_pause == SCHEDULED)
    columns = (Broadcast.send_at, Broadcast.expires_at, *timetable.WINDOW, db_clock().label("now"))
    row = connection.execute(select(*columns).where(Broadcast.pk == pk, waits, Broadcast.send_at <= db_clock())).first()
    return common | ({"state": Broadcast.state_before_pause} if row is None else timetable.begin(row))


def sweep_cancelled(pk: int, slot: int) -> None:
    """Close the waiting rows of a cancelled broadcast, page by page; then it is finished."""
    while True:
        with writing() as connection:
            page = (
                select(Delivery.pk)
                .where(Delivery.channel.in_(OUTSIDE_CHANNELS), Delivery.broadcast_id == pk, DUE)
                .limit(PAGE)
            )
            rows = (
                connection.execute(
                    update(Delivery)
                    .where(Delivery.pk.in_(page.scalar_subquery()), Delivery.state.in_(DUE_STATES))
                    .values(state=CANCELLED, reason=CANCELLED, closed_at=db_clock())
                    .returning(Delivery.channel)
                )
                .scalars()
                .all()
            )
            counts.add(connection, slot, Counter((pk, channel, CANCELLED) for channel in rows))
            if len(rows) < PAGE:
                connection.execute(update(Broadcast).where(Broadcast.pk == pk).values(finished_at=db_clock()))
                return


def _change(
    pk: int,
    actor: str,
    action: str,
    allowed: tuple[str, ...],
    values: Callable[[Connection], dict[str, Any]],
    *,
    reason: str = "",
    version: int | None = None,
) -> Broadcast:
    unchanged = () if version is None else (Broadcast.version == version,)
    with writing() as connection:
        changed = connection.execute(
            update(Broadcast)
            .where(Broadcast.pk == pk, Broadcast.state.in_(allowed), *unchanged)
            .values(**values(connection), version=Broadcast.version + 1)
        ).rowcount
        if changed:
            entry = {
                "at": utcnow(),
                "actor": actor,
                "action": action,
                "object_type": "broadcast",
                "object_id": str(pk),
                "changes": {"reason": ["", reason]} if reason else {},
            }
            connection.execute(insert(AuditEntry).values(entry))
            outbox.broadcast(connection, pk, PAST[action], by=actor, reason=reason)
    found = db.session.get(Broadcast, pk, populate_existing=True)
    if found is None:
        raise UnknownBroadcast("There is no such broadcast.", field="id", remedy="Check the id.")
    if not changed:
        raise WrongState(f"The broadcast is {found.state}: it cannot {action} now.", field="state", remedy=last_change(pk))
    return found


def last_change(pk: int) -> str:
    """Who did what to a broadcast last, in words."""
    last = db.session.execute(
        select(AuditEntry.actor, AuditEntry.action, AuditEntry.at)
        .where(AuditEntry.object_type == "broadcast", AuditEntry.object_id == str(pk))
        .order_by(AuditEntry.id.desc())
    ).first()
    return (
        f"Last change: {last.action} by {last.actor} at {last.at:%Y-%m-%d %H:%M:%S} UTC." if last else "Look at its state first."
    )
