"""Step one and two of a delivery: lease rows that are due, then hand them over, each a short transaction of its own."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, and_, bindparam, exists, or_, select, update

from tasks.database import reading, writing
from tasks.direct import Direct
from tasks.ledger import counts, escalation, json_rows
from tasks.ledger.pace import FREE, Pace
from tasks.models import Broadcast, Delivery
from tasks.models.broadcast import window_is_open
from tasks.models.delivery import DUE
from tasks.models.types import db_clock
from tasks.models.words import CANCELLED, EXPANDING, EXPIRED, QUEUED, READ, RETRYING, SENDING, SKIPPED

SUSPECT_AFTER = 2  # times that a row was in the hands of a worker that died: from then on it is leased alone
LEASE = 300.0  # seconds; above what a hand-over can take at its worst: 16 mails, 4 at a time, to a server that dies slowly
_abandoned: set[str] = set()


def new_token() -> str:
    """A token that names one lease: whoever holds it may close the rows, nobody else."""
    return secrets.token_hex(8)


def lanes(channel: str) -> dict[int | None, int | None]:
    """The lanes of a channel, in their order: None (what is no broadcast), then each running broadcast with its own rate.

    A broadcast that is paused, cancelled or outside its window has no lane: its rows wait where they are, and cost nobody.
    """
    with reading() as connection:
        running = select(Broadcast.pk.label("pk"), Broadcast.rate_per_minute).where(_runs()).order_by(Broadcast.pk)
        return {None: None, **{row.pk: row.rate_per_minute for row in connection.execute(running)}}


def lease(
    channel: str, broadcast_pk: int | None, limit: int, process_id: int, pace: Pace = FREE
) -> tuple[str, list[int]]:
    """Take up to `limit` due deliveries of one lane for this process, and no more than its `pace` allows.

    Returns the lease's token and the rows' ids, in order. Two workers never get the same row: SKIP LOCKED on PostgreSQL, one
    writer at a time on SQLite.
    """
    token = new_token()
    if not has_due(channel, broadcast_pk) or pace.is_spent():  # an idle look must not take the write lock
        return token, []
    given = {**_lane(channel, broadcast_pk), "p_token": token, "p_process": process_id}
    with abandoned_on_error(token), writing() as connection:
        given["p_limit"] = pace.take(connection, limit)
        ids = _take(connection, broadcast_pk is not None, given) if given["p_limit"] else []
        pace.settle(connection, len(ids))
    return token, ids


def _take(connection: Connection, of_broadcast: bool, given: dict[str, Any]) -> list[int]:
    """The innocent together; a suspect only by itself, when nothing else is due: should it kill again, it kills nobody beside."""
    rows = _LEASE[of_broadcast].all(connection, {**given, "p_from": 0, "p_to": SUSPECT_AFTER - 1})
    if not rows:
        rows = _LEASE[of_broadcast].all(connection, {**given, "p_limit": 1, "p_from": SUSPECT_AFTER, "p_to": 2**31 - 1})
    return sorted(row.id for row in rows)


@contextmanager
def abandoned_on_error(token: str) -> Iterator[None]:
    """Note the token where the work under it ends with an error, so that this process's reaper gives back what is left of it.

    A commit may also fail and have happened: then there are rows under the token that nobody here has heard of.
    """
    try:
        yield
    except BaseException:
        abandon(token)
        raise


def abandon(token: str) -> None:
    """Give up a lease of this process: its reaper takes back what is left under it."""
    _abandoned.add(token)


def abandoned() -> list[str]:
    """The tokens that this process has given up."""
    return list(_abandoned)


def settled(tokens: Iterable[str]) -> None:
    """Nothing is left under these tokens."""
    _abandoned.difference_update(tokens)


def has_due(channel: str, broadcast_pk: int | None) -> bool:
    """True where a lane has something to do now."""
    with reading() as connection:
        return _ANY_DUE[broadcast_pk is not None].first(connection, _lane(channel, broadcast_pk)) is not None


def _lane(channel: str, broadcast_pk: int | None) -> dict[str, Any]:
    return {"p_channel": channel} if broadcast_pk is None else {"p_channel": channel, "p_broadcast": broadcast_pk}


# Built once: composing these costs more than running them. [False]: what is no broadcast; [True]: one broadcast.
_DUE = [
    select(Delivery.pk).where(
        Delivery.channel == bindparam("p_channel"),
        lane,
        DUE,  # as the index has it: SQLite does not see through bound values, and would read every delivery there ever was
        Delivery.next_attempt_at <= db_clock(),
    )
    for lane in (Delivery.broadcast_id.is_(None), Delivery.broadcast_id == bindparam("p_broadcast"))
]
_ANY_DUE = [Direct(due.limit(1)) for due in _DUE]
_LEASE = [
    Direct(
        update(Delivery)
        .where(
            Delivery.pk.in_(
                due.where(Delivery.reap_count.between(bindparam("p_from"), bindparam("p_to")))
                .order_by(Delivery.priority, Delivery.next_attempt_at)
                .limit(bindparam("p_limit", type_=Integer()))
                .with_for_update(skip_locked=True)
                .scalar_subquery()
            )
        )
        .values(
            state=SENDING,
            lease_token=bindparam("p_token"),
            lease_until=db_clock(LEASE),
            leased_by=bindparam("p_process"),
            handed_at=None,
            attempt_count=Delivery.attempt_count + 1,
        )
        .returning(Delivery.pk)
    )
    for due in _DUE
]


def hand_over(ids: Sequence[int], token: str, slot: int) -> set[int]:
    """Mark rows as handed over, and commit; only those returned may go to the provider (see `mark`)."""
    with writing() as connection:
        return mark(connection, ids, token, slot)


def mark(connection: Connection, ids: Sequence[int], token: str, slot: int) -> set[int]:
    """Mark rows as handed over, in a transaction that must be committed before they go. Returns those that may.

    The last look before it: what expired, was read, paused or cancelled meanwhile stays here, and its row says so.
    """
    given = {"p_rows": json_rows.dump([[pk] for pk in ids]), "p_token": token}
    handed = {row.id for row in _HAND_OVER.all(connection, given)}
    if len(handed) < len(ids):
        ours = and_(Delivery.pk.in_(ids), Delivery.lease_token == token, Delivery.state == SENDING)
        _put_aside(connection, and_(ours, Delivery.pk.not_in(handed)), slot)
    return handed


def release(ids: Sequence[int], token: str) -> None:
    """Give rows back that were leased and not handed over: as if this process had never seen them."""
    if ids:
        with writing() as connection:
            _back_to_queue(connection, and_(Delivery.pk.in_(ids), Delivery.lease_token == token, Delivery.handed_at.is_(None)))


def _runs() -> ColumnElement[bool]:
    return and_(or_(Broadcast.state == EXPANDING, Broadcast.state == SENDING), window_is_open())


def _goes_on() -> ColumnElement[bool]:
    running = exists().where(Broadcast.pk == Delivery.broadcast_id, _runs())
    return or_(Delivery.broadcast_id.is_(None), running)


_HANDED = json_rows.source("p_rows")  # [delivery]
_HAND_OVER = Direct(
    update(Delivery)
    .where(
        Delivery.pk == json_rows.column(_HANDED, 0, BigInteger()),
        Delivery.lease_token == bindparam("p_token"),
        Delivery.state == SENDING,
        or_(Delivery.expires_at.is_(None), Delivery.expires_at > db_clock()),
        _goes_on(),
        escalation.wanted(),
    )
    .values(handed_at=db_clock(), lease_until=db_clock(LEASE))
    .returning(Delivery.pk)
)


def _put_aside(connection: Connection, which: ColumnElement[bool], slot: int) -> None:
    """Rows that may not go: cancelled, read and expired ones are closed, those of a paused broadcast go back to the queue."""
    cancelled = exists().where(Broadcast.pk == Delivery.broadcast_id, Broadcast.state == CANCELLED)
    changes: dict[counts.Key, int] = {}
    for state, reason, condition in (
        (CANCELLED, CANCELLED, cancelled), (SKIPPED, READ, escalation.unwanted()),
        (EXPIRED, EXPIRED, Delivery.expires_at <= db_clock()),
    ):
        rows = connection.execute(
            update(Delivery)
            .where(which, condition, Delivery.state == SENDING)
            .values(state=state, reason=reason, closed_at=db_clock(), attempt_count=Delivery.attempt_count - 1)
            .returning(Delivery.broadcast_id, Delivery.channel)
        )
        for broadcast_id, channel in rows:
            if broadcast_id is not None:
                key = (broadcast_id, channel, state)
                changes[key] = changes.get(key, 0) + 1
    counts.add(connection, slot, changes)
    _back_to_queue(connection, which)


def _back_to_queue(connection: Connection, which: ColumnElement[bool]) -> None:
    for state, tried in ((QUEUED, Delivery.attempt_count <= 1), (RETRYING, Delivery.attempt_count > 1)):
        connection.execute(
            update(Delivery)
            .where(which, tried, Delivery.state == SENDING)
            .values(state=state, lease_token=None, lease_until=None, leased_by=None, attempt_count=Delivery.attempt_count - 1)
        )
