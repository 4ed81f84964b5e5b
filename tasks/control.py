"""Pause, resume, cancel, undo: compare-and-set on a broadcast's state: of two who press one acts and the other is told."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, insert, or_, select, update

from tasks import outbox, plan, timetable
from tasks.database import reading, writing
from tasks.errors import NotAllowed, UnknownBroadcast, WrongState
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import AuditEntry, Broadcast, BroadcastApproval, Delivery
from tasks.models.delivery import DUE
from tasks.models.types import db_clock, utcnow
from tasks.models.words import (
    AWAITING_APPROVAL,
    CANCELLED,
    DUE_STATES,
    EXPANDING,
    MISSED,
    OUTSIDE_CHANNELS,
    PAUSED,
    QUEUED,
    SCHEDULED,
    SENDING,
    WITHDRAWN,
)
from tasks.rights import Rights

PAGE = 5_000
PAST = {
    "pause": "paused", "resume": "resumed", "cancel": "cancelled", "undo": "cancelled", "go on": "canary_passed",
    "approve": "approved", "reject": "rejected", "void": "awaiting_approval", "ask again": "awaiting_approval",
}
UNDONE = "Taken back before anything was written."
STOPPABLE = (SCHEDULED, QUEUED, EXPANDING, SENDING)


def pause(pk: int, actor: str, *, reason: str = "", version: int | None = None) -> Broadcast:
    """Stop a broadcast for now. What is in a provider's hands goes out (at most one hand-over per worker); nothing after it.

    `reason`: why, in words, where nobody pressed a button; `version`: only if nobody changed it since. Raises UnknownBroadcast,
    or WrongState where it is not running.
    """
    values = {"state": PAUSED, "state_before_pause": Broadcast.state, "pause_reason": reason}
    return change(pk, actor, "pause", STOPPABLE, lambda _: values, reason=reason, version=version)


def resume(pk: int, actor: str) -> Broadcast:
    """Let a paused broadcast go on where it stopped; what failed so far is forgiven: only new failures pause it by themselves.

    A missed one, or one whose time came while it was paused, starts now, and expires counted from now. Where its canary was
    judged, the rest is let go. Raises UnknownBroadcast, or WrongState where it is neither paused nor missed.
    """
    return change(pk, actor, "resume", (PAUSED, MISSED), lambda connection: _resumed(connection, pk))


def cancel(pk: int, actor: str) -> Broadcast:
    """Stop a broadcast for good: what has not been handed over is marked cancelled. Raises UnknownBroadcast or WrongState."""
    return change(
        pk, actor, "cancel", (*STOPPABLE, PAUSED, MISSED, AWAITING_APPROVAL), lambda _: {"state": CANCELLED},
        also=lambda connection: withdraw(connection, pk, actor),
    )


def check_rights(rights: Rights, pk: int, channels: Collection[str] | None = None) -> None:
    """Raise NotAllowed unless a key may move this broadcast, and ring `channels` of it; None: all that it rings from now on.

    A key is held to its limits in whatever sets a broadcast going, not only where one is made.
    """
    row = db.session.get(Broadcast, pk)
    if row is None:
        raise UnknownBroadcast("There is no such broadcast.", field="id", remedy="Check the id.")
    if rights.is_test and not row.is_test:
        remedy = "Use a key that is no test key."
        raise NotAllowed("A test key cannot move a real broadcast.", field="Authorization", remedy=remedy)
    if channels is None and row.channels is None:
        with reading() as connection:
            channels = plan.load_version(connection, row.template_version_id).policy.channels
    rings = row.channels if channels is None else channels
    rights.check(row.template_version.template.slug, {*(rings or ())} & {*OUTSIDE_CHANNELS})


def withdraw(connection: Connection, pk: int, actor: str) -> None:
    """Nobody need answer any more whether a broadcast may go."""
    open_one = (BroadcastApproval.broadcast_id == pk, BroadcastApproval.answer == "")
    gone = {"answer": WITHDRAWN, "answered_by": actor, "answered_at": db_clock()}
    connection.execute(update(BroadcastApproval).where(*open_one).values(gone))


def undo(pk: int, actor: str) -> Broadcast:
    """Take a broadcast back within its first seconds, or before a worker came to it: nothing of it was written, nothing ever is.

    Raises UnknownBroadcast, or WrongState where it was not sent with such a grace, or has begun.
    """
    taken_back = {"state": CANCELLED, "finished_at": db_clock(), "detail": UNDONE}
    return change(pk, actor, "undo", (QUEUED,), lambda _: taken_back, where=(Broadcast.undo_until.is_not(None),))


def _resumed(connection: Connection, pk: int) -> dict[str, Any]:
    judged = and_(Broadcast.canary_verdict != "", Broadcast.canary_ended_at.is_(None))
    common = {
        "state_before_pause": None, "pause_reason": "", "pause_baseline": counts.closed(connection, pk),
        "canary_ended_at": case((judged, db_clock()), else_=Broadcast.canary_ended_at),
    }
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


def change(
    pk: int,
    actor: str,
    action: str,
    allowed: tuple[str, ...],
    values: Callable[[Connection], dict[str, Any]],
    *,
    reason: str = "",
    version: int | None = None,
    where: Sequence[ColumnElement[bool]] = (),
    also: Callable[[Connection], object] = lambda _: None,
) -> Broadcast:
    """Give a broadcast that is in one of the `allowed` states new `values`, with its audit entry and its event.

    Only where nobody changed it since `version`, and where `where` holds; `also` is done in the same transaction. Raises
    UnknownBroadcast, or WrongState with who did what last.
    """
    unchanged = where if version is None else (*where, Broadcast.version == version)
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
            also(connection)
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
