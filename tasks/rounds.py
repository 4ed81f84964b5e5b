"""Finish the job: one more round over the rows of a broadcast that did not get through, chosen by channel, state and reason.

For the surfaces: `choices` says what could be sent again and in which words, `history` who did so before, `finish` starts a
round. A row that was sent is none of the choices, and tasks.reopen cannot move it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tasks import control, idempotency, jobs
from tasks.database import reading, writing
from tasks.errors import InvalidOption, UnknownBroadcast, WrongState
from tasks.ledger import counts
from tasks.leftover import Left, left_over
from tasks.models import AuditEntry, Broadcast, BroadcastRound
from tasks.models.types import AnyRow, utcnow
from tasks.models.words import (
    CANCELLED,
    CHANNELS,
    COMPLETED,
    DELIVERED,
    FAILED,
    PAUSED,
    SENDING,
    SENT,
)
from tasks.options import SendOptions
from tasks.plan import BROADCAST_EXPIRES_AFTER
from tasks.reopen import AGAIN, IN_TROUBLE, Choice
from tasks.schedule import Window

__all__ = ["EVERYTHING", "Choice", "Left", "Round", "choices", "finish", "history", "matching"]

EVERYTHING = (Choice(),)  # all that did not get through, but what bounced
MOST_CHOICES = 200
NO_REASONS = (SENT, DELIVERED)  # whoever writes these for a reason wants something else than there is
ADVICE = {PAUSED: "Resume it first.", CANCELLED: "It stays so: start a new one.", FAILED: "It sent nothing: start a new one."}


@dataclass(frozen=True, slots=True)
class Round:
    """A round that was asked for: the first one has number 2, since 1 was the broadcast itself."""

    number: int
    count: int
    chosen: tuple[Choice, ...]
    created_by: str
    created_at: datetime
    is_open: bool = True  # a worker still puts rows back into the queue


def choices(broadcast_pk: int, *, by_reason: bool = True) -> list[Left]:
    """What could be sent again, the largest group of a channel first. Empty where everything got through.

    Reads no more than the rows in trouble where nothing was skipped or expired, else every row of the broadcast; without
    `by_reason` never those: what was skipped or expired is then one group a channel, of whatever reason.
    """
    with reading() as connection:
        found = left_over(connection, broadcast_pk, by_reason=by_reason)
    order = {channel: number for number, channel in enumerate(CHANNELS)}
    return sorted(found, key=lambda one: (order[one.channel], -one.count, one.state, one.reason or ""))


def matching(left: Iterable[Left], chosen: Sequence[Choice]) -> list[Left]:
    """Those of `choices` that `chosen` would send again."""
    return [one for one in left if any(choice.takes(one.channel, one.state, one.reason) for choice in chosen)]


def history(broadcast_pk: int) -> list[Round]:
    """The rounds that were asked for, the first one first."""
    with reading() as connection:
        rows = connection.execute(
            select(BroadcastRound.__table__)
            .where(BroadcastRound.broadcast_id == broadcast_pk).order_by(BroadcastRound.number)
        ).mappings().all()
    return [
        Round(one["number"], one["count"], tuple(Choice(*each) for each in one["chosen"]), one["created_by"], one["created_at"],
              one["opened_at"] is None)
        for one in rows
    ]


def finish(broadcast_pk: int, chosen: Sequence[Choice], actor: str, *, options: SendOptions | None = None) -> Round:
    """Send the `chosen` rows of a completed broadcast again. Returns the round; a worker does the rest.

    Of several who press at once one starts it. `options` carries the call's idempotency key and rights. Raises UnknownBroadcast,
    InvalidOption where something cannot be chosen, WrongState where the broadcast is not completed (with who started what) or
    nothing of the choice is left. A cancelled broadcast stays cancelled; a paused one is resumed or cancelled first.
    """
    _check(chosen)
    options = options or SendOptions()
    with reading() as connection:
        broadcast = _broadcast(connection, broadcast_pk)
        left = matching(left_over(connection, broadcast_pk, by_reason=_wants_reasons(chosen)), chosen)
        base = counts.closed(connection, broadcast_pk)
    if options.rights is not None:
        control.check_rights(options.rights, broadcast_pk, {one.channel for one in left})
    count = sum(one.count for one in left)
    for one in left:  # what is tried again is forgiven: only new failures pause the broadcast by themselves
        base[one.channel][one.state] = base[one.channel].get(one.state, 0) - one.count
    try:
        with writing() as connection:
            known = idempotency.replay(connection, options)
            if known is not None:
                return _by_number(broadcast_pk, known["number"])
            found = _start(connection, broadcast, chosen, count, actor, base)
            idempotency.keep(connection, options, {"number": found.number}, options.reply and options.reply(found))
    except _Refused:
        raise _refusal(broadcast_pk, count) from None
    jobs.wake_broadcast(broadcast_pk)
    return found


def _wants_reasons(chosen: Sequence[Choice]) -> bool:
    """True where a reason is asked for among what was skipped or expired: their rows have to be read."""
    return any(one.reason is not None and one.state not in IN_TROUBLE for one in chosen)


def begin_for_one(connection: Connection, broadcast_pk: int, choice: Choice, actor: str) -> AnyRow | None:
    """A round for a single delivery, which the caller puts back into the queue in this transaction.

    Returns the round's number and expires_at. None where the broadcast is not completed, or somebody starts a round just now.
    """
    broadcast, base = _broadcast(connection, broadcast_pk), counts.closed(connection, broadcast_pk)
    states = base.setdefault(choice.channel or "", {})
    states[choice.state or ""] = states.get(choice.state or "", 0) - 1
    try:
        found = _start(connection, broadcast, [choice], 1, actor, base)
    except _Refused:
        return None
    this = (BroadcastRound.broadcast_id == broadcast_pk, BroadcastRound.number == found.number)
    done = update(BroadcastRound).where(*this).values(opened_at=found.created_at)
    return connection.execute(done.returning(BroadcastRound.number, BroadcastRound.expires_at)).one()


class _Refused(Exception):
    """The transaction is rolled back, with the idempotency key that it took."""


def _start(
    connection: Connection, broadcast: AnyRow, chosen: Sequence[Choice], count: int, actor: str, base: Mapping[str, Any]
) -> Round:
    now = utcnow()
    opens, closes = _window(broadcast, now)
    number = connection.execute(
        update(Broadcast)
        .where(Broadcast.pk == broadcast.id, Broadcast.state == COMPLETED, Broadcast.version == broadcast.version)
        .values(
            state=SENDING, round=Broadcast.round + 1, version=Broadcast.version + 1, finished_at=None, pause_baseline=base,
            pause_reason="", opens_at=opens, closes_at=closes,
        )
        .returning(Broadcast.round)
    ).scalar()
    if number is None or not count:
        raise _Refused
    lasts = _lasts(broadcast)
    written = [[one.channel, one.state, one.reason] for one in chosen]
    row = {
        "broadcast_id": broadcast.id, "number": number, "chosen": written, "count": count, "cursor": 0, "created_by": actor,
        "created_at": now, "expires_at": None if lasts is None else max(opens or now, now) + lasts,
    }
    connection.execute(insert(BroadcastRound).values(row))
    changes = {"round": [number - 1, number], "chosen": [None, written], "count": [None, count]}
    entry = {"at": now, "actor": actor, "action": "finish", "object_type": "broadcast", "object_id": str(broadcast.id)}
    connection.execute(insert(AuditEntry).values(**entry, changes=changes))
    return Round(number, count, tuple(chosen), actor, now)


def _window(broadcast: AnyRow, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The opening of its window that is now or comes next."""
    if broadcast.window_start is None or broadcast.window_end is None:
        return None, None
    return Window.parse(broadcast.window_start, broadcast.window_end, broadcast.timezone).next(now)


def _lasts(broadcast: AnyRow) -> timedelta | None:
    """How long a round may try: as long as the broadcast itself was given."""
    if broadcast.expires_at is None:
        return None
    given = broadcast.expires_at - (broadcast.send_at or broadcast.created_at)
    return given if given > timedelta(0) else timedelta(seconds=BROADCAST_EXPIRES_AFTER)


def _refusal(pk: int, count: int) -> WrongState:
    with reading() as connection:
        state = _broadcast(connection, pk).state
    if state == COMPLETED and not count:
        return WrongState("Nothing of this choice is left to send again.", field="chosen", remedy=control.last_change(pk))
    remedy = f"{ADVICE.get(state, 'Wait until it is completed.')} {control.last_change(pk)}"
    return WrongState(f"The broadcast is {state}: it cannot be finished now.", field="state", remedy=remedy)


def _broadcast(connection: Connection, pk: int) -> AnyRow:
    table = Broadcast.__table__
    names = ("id", "state", "version", "created_at", "send_at", "expires_at", "window_start", "window_end", "timezone", "is_test")
    row = connection.execute(select(*(table.c[name] for name in names)).where(table.c.id == pk)).first()
    if row is None:
        raise UnknownBroadcast("There is no such broadcast.", field="id", remedy="Check the id.")
    return row


def _by_number(pk: int, number: int) -> Round:
    return next(one for one in history(pk) if one.number == number)


def _check(chosen: Sequence[Choice]) -> None:
    if not 0 < len(chosen) <= MOST_CHOICES:
        raise InvalidOption(
            "Nothing is chosen." if not chosen else f"More than {MOST_CHOICES} choices.", field="chosen",
            remedy="Choose by channel, state or reason.",
        )
    for number, one in enumerate(chosen):
        if one.state is not None and one.state not in AGAIN:
            raise InvalidOption(
                f"What is {one.state!r} cannot be sent again.", field=f"chosen.{number}.state", remedy=f"Use {', '.join(AGAIN)}."
            )
        if one.reason in NO_REASONS:
            raise InvalidOption(
                f"{one.reason!r} is no reason.", field=f"chosen.{number}.reason", remedy="Use a reason that the choices list."
            )
        if one.channel is not None and one.channel not in CHANNELS:
            raise InvalidOption(
                f"There is no channel {one.channel!r}.", field=f"chosen.{number}.channel", remedy=f"Use {', '.join(CHANNELS)}."
            )
