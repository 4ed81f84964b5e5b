"""A round's rows go back into the queue, page by page: what of a broadcast did not get through is tried again.

No row that was sent can be moved: `_RETURN`, the only statement here that moves any, asks for the very states it moves from.
A page is one transaction with its counters and the round's cursor, and a row that was moved carries the round's number, so a
crash half-way neither loses nor doubles one. The delivery stays the same: its earlier attempts stay, under their own rounds.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update

from tasks import live
from tasks.database import reading, writing
from tasks.ledger import counts
from tasks.ledger.processes import current_process_id
from tasks.models import Broadcast, BroadcastRound, Delivery
from tasks.models.delivery import TROUBLE
from tasks.models.types import AnyRow, db_clock
from tasks.models.words import BOUNCED, EXPIRED, FAILED, IN_APP, QUEUED, SENDING, SKIPPED, UNKNOWN
from tasks.rerender import refresh, show

PAGE = 2_000  # rows in one transaction
PAUSE = 0.001  # seconds between two pages, in which whoever waits for the write lock gets it
AGAIN = (FAILED, UNKNOWN, SKIPPED, EXPIRED, BOUNCED)  # the states that may be sent again
UNLESS_ASKED = (BOUNCED,)  # only where they are named: the address itself is bad
STALE = frozenset({"render_failed", "recipient_inactive", "recipient_deleted"})  # their messages lack what is known of them now
IN_TROUBLE = frozenset({FAILED, UNKNOWN, BOUNCED})  # those that a partial index holds

# What a delivery is that waits once more. The token goes, so that a late answer of the earlier round finds nothing.
WAITING: dict[str, Any] = {
    "state": QUEUED, "reason": "", "detail": "", "provider": "", "attempt_count": 0, "reap_count": 0,
    "next_attempt_at": db_clock(), "lease_token": None, "lease_until": None, "leased_by": None, "handed_at": None,
    "closed_at": None, "receipt_at": None,
}
# The one statement that moves deliveries of an earlier round (tasks.resend moves a single one).
_RETURN = (
    update(Delivery)
    .where(
        Delivery.pk.in_(bindparam("p_ids", expanding=True)),
        Delivery.broadcast_id == bindparam("p_broadcast"),
        Delivery.state == bindparam("p_from"),
        Delivery.state.in_(AGAIN),
        Delivery.channel != IN_APP,
        Delivery.round < bindparam("p_round"),
    )
    .values(**WAITING, round=bindparam("p_round"), expires_at=bindparam("p_expires"))
    .returning(Delivery.channel)
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are sent again. None means any: any channel, any reason, every state of AGAIN but those UNLESS_ASKED."""

    channel: str | None = None
    state: str | None = None
    reason: str | None = None

    def takes(self, channel: str, state: str, reason: str | None) -> bool:
        """True where a row of these is chosen."""
        right_state = state in AGAIN and (state == self.state or (self.state is None and state not in UNLESS_ASKED))
        return right_state and self.channel in (None, channel) and self.reason in (None, reason)

    def condition(self) -> ColumnElement[bool]:
        """The same, for the database."""
        states = [self.state] if self.state else [state for state in AGAIN if state not in UNLESS_ASKED]
        found: list[ColumnElement[bool]] = [Delivery.state.in_(states)]
        if self.channel is not None:
            found.append(Delivery.channel == self.channel)
        if self.reason is not None:
            found.append(Delivery.reason == self.reason)
        return and_(*found)


def reopen(broadcast_pk: int, stopping: Callable[[], bool], wake: Callable[[set[str]], None]) -> None:
    """Put back what is left of a broadcast's open round, until it is done, paused, cancelled, or `stopping` says so.

    `wake` is told after each page which channels got something to do. Several workers may run this for one broadcast.
    """
    while not stopping():
        done = _page(broadcast_pk)
        if done is None:
            return
        if done.channels:
            wake(done.channels)
        live.announce(done.shown)
        time.sleep(PAUSE)


def waiting() -> list[int]:
    """The running broadcasts with a round whose rows are not all back in the queue."""
    unopened = (Broadcast.round == BroadcastRound.number, BroadcastRound.opened_at.is_(None))
    with reading() as connection:
        found = select(Broadcast.pk).join(BroadcastRound, BroadcastRound.broadcast_id == Broadcast.pk)
        return list(connection.execute(found.where(Broadcast.state == SENDING, *unopened).order_by(Broadcast.pk)).scalars())


@dataclass(frozen=True, slots=True)
class _Page:
    channels: set[str]
    shown: Sequence[int] = ()


def _page(broadcast_pk: int) -> _Page | None:
    """The next page. None where no round is open, or the broadcast does not run."""
    with reading() as connection:
        row = _open_round(connection, broadcast_pk)
        if row is None:
            return None
        rows = _next(connection, row)  # found without the write lock; what changes meanwhile, the update leaves alone
        other = [one for one in rows if one.reason in STALE or one.channel == IN_APP]
        fresh = refresh(connection, row.template_version_id, row.data, other)
    last = rows[-1].pk if rows else row.cursor
    slot = current_process_id()
    with writing() as connection:
        if not _move_cursor(connection, row, last, done=len(rows) < PAGE):
            return _Page(set())  # another worker took this page, or somebody paused it: look again
        changes: Counter[counts.Key] = Counter()
        shown = show(connection, fresh, broadcast_pk, row.number, changes)
        channels = _return(connection, row, [one for one in rows if one.channel != IN_APP], changes)
        counts.add(connection, slot, changes)
    return _Page(channels, shown)


def _open_round(connection: Connection, broadcast_pk: int) -> AnyRow | None:
    columns = (BroadcastRound.number, BroadcastRound.chosen, BroadcastRound.cursor, BroadcastRound.expires_at)
    return connection.execute(
        select(Broadcast.pk.label("pk"), Broadcast.data, Broadcast.template_version_id, *columns)
        .join(Broadcast, and_(Broadcast.pk == BroadcastRound.broadcast_id, Broadcast.round == BroadcastRound.number))
        .where(Broadcast.pk == broadcast_pk, Broadcast.state == SENDING, BroadcastRound.opened_at.is_(None))
    ).first()


def _next(connection: Connection, row: AnyRow) -> Sequence[AnyRow]:
    chosen = [Choice(*one) for one in row.chosen]
    where = [
        Delivery.broadcast_id == row.pk,
        Delivery.pk > row.cursor,
        Delivery.round < row.number,
        Delivery.state.in_(AGAIN),
        or_(*(choice.condition() for choice in chosen)),
    ]
    if all(choice.state in IN_TROUBLE for choice in chosen):
        where.append(TROUBLE)  # in these words the databases know their index
    columns = (Delivery.pk.label("pk"), Delivery.channel, Delivery.state, Delivery.reason, Delivery.notification_id)
    return connection.execute(select(*columns).where(*where).order_by(Delivery.pk).limit(PAGE)).all()


def _move_cursor(connection: Connection, row: AnyRow, last: int, *, done: bool) -> bool:
    # The broadcast's row is locked until the page is committed: who cancels meanwhile finds all of it in the queue, or none.
    running = update(Broadcast).where(Broadcast.pk == row.pk, Broadcast.state == SENDING, Broadcast.round == row.number)
    if not connection.execute(running.values(version=Broadcast.version)).rowcount:
        return False
    this = and_(BroadcastRound.broadcast_id == row.pk, BroadcastRound.number == row.number)
    values: dict[str, Any] = {"cursor": last, **({"opened_at": db_clock()} if done else {})}
    moved = update(BroadcastRound).where(this, BroadcastRound.cursor == row.cursor, BroadcastRound.opened_at.is_(None))
    return bool(connection.execute(moved.values(**values)).rowcount)


def _return(connection: Connection, row: AnyRow, rows: Iterable[AnyRow], changes: Counter[counts.Key]) -> set[str]:
    by_state: dict[str, list[int]] = {}
    for one in rows:
        by_state.setdefault(one.state, []).append(one.pk)
    channels: set[str] = set()
    for state, pks in by_state.items():
        values = {"p_ids": pks, "p_broadcast": row.pk, "p_from": state, "p_round": row.number, "p_expires": row.expires_at}
        for channel in connection.execute(_RETURN, values).scalars():
            changes[row.pk, channel, state] -= 1
            channels.add(channel)
    return channels
