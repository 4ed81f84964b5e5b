"""The canary: the first people of a broadcast decide whether the others get it.

Its fan-out stops behind them (tasks.models.broadcast.canary_holds), in the transaction that writes their rows, so no number of
workers can go further. This looks how they fare: too many failures and it pauses, else the rest follows.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, exists, select, update

from tasks import control
from tasks.autopause import FAILURES, TRIED
from tasks.database import reading, writing
from tasks.errors import UnknownBroadcast, WrongState
from tasks.ledger import counts
from tasks.models import Broadcast, Delivery
from tasks.models.broadcast import canary_holds
from tasks.models.delivery import DUE, IN_HAND
from tasks.models.types import AnyRow, db_clock
from tasks.models.words import (
    BAD,
    CHANNEL_NAMES,
    CHANNELS,
    EXPANDING,
    GOOD,
    IN_APP,
    OUTSIDE_CHANNELS,
    PAUSED,
    UNCLEAR,
    UNKNOWN,
)

ACTOR = "canary"
SETTLED = "settled"  # no verdict yet: the wait begins now
LOST = (*FAILURES, UNKNOWN)  # of a handful of people one in doubt is bad news too

Counts = Mapping[str, Mapping[str, int]]  # {channel: {state: count}}


def look() -> list[int]:
    """Judge every canary that is out. Returns the broadcasts that were stopped or let go by this call.

    Call it about once a second in every worker: one read where no canary is out. Of several workers that see the same one acts.
    """
    with reading() as connection:
        waiting = _out(connection)
        judged = [(row, *_judge(connection, row)) for row in waiting]
    return [row.pk for row, verdict, words in judged if _act(row, verdict, words)]


def _out(connection: Connection) -> list[AnyRow]:
    columns = (
        Broadcast.pk.label("pk"), Broadcast.version, Broadcast.canary_people, Broadcast.canary_share, Broadcast.canary_wait,
        Broadcast.expanded_count, Broadcast.canary_settled_at, canary_holds().label("written"),
        (Broadcast.canary_settled_at <= db_clock(-Broadcast.canary_wait)).label("waited"),
    )
    out = (Broadcast.state == EXPANDING, Broadcast.canary_people.is_not(None), Broadcast.canary_ended_at.is_(None))
    return list(connection.execute(select(*columns).where(*out, Broadcast.expanded_count > 0)).all())


def _judge(connection: Connection, row: AnyRow) -> tuple[str, str]:
    """The verdict (words.GOOD, BAD, UNCLEAR; SETTLED; "" where there is none yet), and its reasons."""
    closed = counts.closed(connection, row.pk)
    settled = bool(row.written) and not _is_open(connection, row.pk)
    for channel, states in closed.items():
        lost, tried = (sum(states.get(state, 0) for state in group) for group in (LOST, TRIED))
        # Before all have their result, only what the others cannot make good any more is a verdict.
        among = tried if settled else row.canary_people
        if among and lost > among * row.canary_share:
            return BAD, f"{CHANNEL_NAMES[channel]}: {lost:,} of the first {tried:,} did not get it."
    if not settled:
        return "", ""
    outside = [states for channel, states in closed.items() if channel != IN_APP]
    if outside and not any(states.get(state) for states in outside for state in TRIED):
        return UNCLEAR, f"None of the first {row.canary_people:,} could be tried outside the app: they say nothing of the rest."
    if row.canary_wait is None:
        return GOOD, f"The first {row.canary_people:,} have it. {_sum(closed)}"
    if row.canary_settled_at is None and row.canary_wait:
        return SETTLED, ""
    return (GOOD, _sum(closed)) if row.waited or not row.canary_wait else ("", "")


def _is_open(connection: Connection, pk: int) -> bool:
    """True where something of it has no result yet. Those that wait in case the message is not read are not waited for."""
    due = exists().where(
        Delivery.broadcast_id == pk, Delivery.channel.in_(OUTSIDE_CHANNELS), DUE, Delivery.unless.is_(None)
    )
    in_hand = exists().where(Delivery.broadcast_id == pk, IN_HAND)
    return bool(connection.scalar(select(due | in_hand)))


def _sum(closed: Counts) -> str:
    """What became of them, in words."""
    said = [
        f"{CHANNEL_NAMES[channel]}: {sum(states.get(state, 0) for state in TRIED if state not in LOST):,} sent, "
        f"{sum(states.get(state, 0) for state in LOST):,} not"
        for channel, states in ((name, closed[name]) for name in CHANNELS if name in closed)
    ]
    return f"{'; '.join(said)}."


def _act(row: AnyRow, verdict: str, words: str) -> bool:
    """Do what the verdict asks for. False where another worker or a human was faster, or there is nothing to do."""
    values: dict[str, Any] = {"canary_settled_at": db_clock()} if row.canary_settled_at is None else {}
    if verdict == SETTLED:
        return _settle(row.pk)
    if verdict == GOOD and row.canary_wait is not None:
        return _change(row, "go on", values | {"canary_verdict": GOOD, "canary_ended_at": db_clock()}, words)
    if verdict:
        reason = {GOOD: words, BAD: f"Its canary stopped it. {words}", UNCLEAR: words}[verdict]
        return _change(row, "pause", values | {
            "canary_verdict": verdict, "state": PAUSED, "state_before_pause": EXPANDING, "pause_reason": reason,
        }, reason)
    return False


def _settle(pk: int) -> bool:
    """All have their results, and the wait begins: nobody's press, so nothing for the audit."""
    first = (Broadcast.pk == pk, Broadcast.state == EXPANDING, Broadcast.canary_settled_at.is_(None))
    with writing() as connection:
        return bool(connection.execute(update(Broadcast).where(*first).values(canary_settled_at=db_clock())).rowcount)


def _change(row: AnyRow, action: str, values: dict[str, Any], reason: str) -> bool:
    try:
        control.change(row.pk, ACTOR, action, (EXPANDING,), lambda _: values, reason=reason, version=row.version)
    except (WrongState, UnknownBroadcast):
        return False
    return True
