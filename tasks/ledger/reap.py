"""The reaper: rows whose lease is over, or whose process is dead, and what may be done with them without doubling anything."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from flask import current_app
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from tasks.database import reading, writing
from tasks.ledger import counts, lease, processes
from tasks.ledger.retry import next_delay
from tasks.ledger.unchanged import Unchanged
from tasks.models import Attempt, Delivery, Notification, Process, Rule, TemplateVersion
from tasks.models import Connection as LiveConnection
from tasks.models.delivery import IN_HAND
from tasks.models.types import AnyRow, db_clock, utcnow
from tasks.models.words import FAILED, QUEUED, RETRY, RETRYING, SENDING, UNKNOWN

PAGE = 500
POISON_AFTER = lease.SUSPECT_AFTER + 3  # times that one row was taken from a dead or stuck worker, the last three alone


def reap(is_idempotent: Callable[[str], bool], default_delays: Sequence[int], slot: int) -> int:
    """Free what dead processes hold. Returns how many rows were freed.

    Not handed over yet: back to the queue, the try not counted. Handed over to a provider that drops repeats (`is_idempotent` of
    the channel): again, same reference. Handed over to any other: unknown; the type's policy says whether it is tried again.
    """
    dead = processes.dead_processes(watched=True)
    if dead:
        with writing() as connection:
            connection.execute(delete(LiveConnection).where(LiveConnection.process_id.in_(dead)))
    freed = 0
    abandoned = lease.abandoned()
    over = [*abandoned, *_over()]
    while rows := _orphans(over):
        with writing() as connection:
            changes: Counter[counts.Key] = Counter()
            for row in rows:
                freed += _free(connection, row, is_idempotent(row.channel), default_delays, changes)
            counts.add(connection, slot, changes)
    lease.settled(abandoned)
    return freed


def _over() -> list[str]:
    """The leases that are over: untouched for as long as a lease lasts, as this process counts; wall clocks may be stepped."""
    with reading() as connection:
        rows = connection.execute(
            select(Delivery.lease_token, func.max(Delivery.lease_until)).where(IN_HAND).group_by(Delivery.lease_token)
        )
        held = {token: until for token, until in rows if token is not None}
    leases: Unchanged = current_app.extensions.setdefault("carillon.leases", Unchanged())
    return [token for token, seconds in leases.look(held).items() if seconds > lease.LEASE]


def _orphans(over: Sequence[str]) -> Sequence[AnyRow]:
    ended = select(Process.id).where(Process.ended_at.is_not(None))
    with reading() as connection:
        if connection.execute(select(Delivery.pk).where(IN_HAND).limit(1)).first() is None:
            return ()
        return connection.execute(
            select(
                Delivery.pk.label("pk"),
                Delivery.broadcast_id,
                Delivery.channel,
                Delivery.lease_token,
                Delivery.handed_at,
                Delivery.provider,
                Delivery.round,
                Delivery.attempt_count,
                Delivery.reap_count,
                Rule.on_unknown,
                Rule.retry_delays,
            )
            .join(Notification, Delivery.notification_id == Notification.pk)
            .join(TemplateVersion, Notification.template_version_id == TemplateVersion.id)
            .outerjoin(Rule, Rule.notification_type == TemplateVersion.notification_type)
            .where(Delivery.state == SENDING, or_(Delivery.lease_token.in_(over), Delivery.leased_by.in_(ended)))
            .limit(PAGE)
        ).all()


def _free(
    connection: Connection, row: AnyRow, idempotent: bool, default_delays: Sequence[int], changes: Counter[counts.Key]
) -> int:
    strike = 0 if row.lease_token in lease.abandoned() else 1  # a worker that lives was not killed by it
    values: dict[str, Any] = {"leased_by": None, "lease_until": None, "lease_token": None, "reap_count": row.reap_count + strike}
    delays = default_delays if row.retry_delays is None else row.retry_delays
    delay = next_delay(delays, row.attempt_count)
    poison = row.reap_count + strike >= POISON_AFTER
    if row.handed_at is None and poison:
        values |= {"state": FAILED, "reason": "poison", "closed_at": db_clock()}
    elif row.handed_at is None:
        state = QUEUED if row.attempt_count <= 1 else RETRYING
        values |= {"state": state, "attempt_count": row.attempt_count - 1, "next_attempt_at": db_clock()}
    elif idempotent and not poison:
        values |= {"state": RETRYING, "reason": "in_doubt", "next_attempt_at": db_clock()}
    elif row.on_unknown == RETRY and delay is not None and not poison:
        values |= {"state": RETRYING, "reason": "in_doubt", "next_attempt_at": db_clock(delay)}
    else:
        # The token stays: should the worker live after all, its late answer settles the row.
        values |= {"state": UNKNOWN, "reason": "in_doubt", "closed_at": db_clock(), "lease_token": row.lease_token}
    done = connection.execute(
        update(Delivery)
        .where(Delivery.pk == row.pk, Delivery.state == SENDING, Delivery.lease_token == row.lease_token)
        .values(**values)
    ).rowcount
    if done and row.handed_at is not None:
        connection.execute(insert(Attempt).values(_lost_try(row)))
    if done and row.broadcast_id is not None and values["state"] in {FAILED, UNKNOWN}:
        changes[row.broadcast_id, row.channel, values["state"]] += 1
    return done


def _lost_try(row: AnyRow) -> dict[str, Any]:
    return {
        "delivery_id": row.pk,
        "round": row.round,
        "number": row.attempt_count,
        "provider": row.provider,
        "target": "",
        "outcome": "unknown",
        "code": "worker_lost",
        "response": "The worker ended after handing this over and before the answer came.",
        "provider_ref": "",
        "started_at": row.handed_at or utcnow(),
        "duration_ms": 0,
    }
