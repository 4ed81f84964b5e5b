"""Above the queue: render, route, record. One transaction, the same few statements for one person or a thousand."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from tasks import compose, idempotency, public_id
from tasks.context import plain
from tasks.database import writing
from tasks.entries import SendRequest, described, named, prepare
from tasks.errors import CarillonError
from tasks.models.words import QUEUED, SENDING
from tasks.options import SendOptions
from tasks.plan import Plan
from tasks.record import Entry, Hold, Recorded, record
from tasks.together import together
from tasks.work import Work

PAGE = 1_000  # people in one transaction


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """A delivery as its caller sees it."""

    id: uuid.UUID
    channel: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A person's message, on record. `replayed`: an earlier call with the same idempotency key made it."""

    recipient_id: str
    notification_id: uuid.UUID
    deliveries: tuple[DeliveryStatus, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A person for whom nothing could be recorded, and why."""

    recipient_id: str
    error: CarillonError


@dataclass(slots=True)
class Batch:
    """What one transaction accepted: an answer a request, in order, and the work it holds a lease on (empty when queued)."""

    answers: list[Accepted | Rejected]
    work: list[Work] = field(default_factory=list)
    channels: set[str] = field(default_factory=set)  # that have something to do
    notification_pks: list[int] = field(default_factory=list)
    replayed: bool = False


def accept(
    requests: Sequence[SendRequest], plan: Plan, context: Mapping[str, Any], options: SendOptions, hold: Hold | None = None,
    also: Callable[[Connection, Sequence[int]], None] | None = None,
) -> Batch:
    """Record the messages of `requests` (at most 1,000), or nothing at all where the database fails.

    A bad recipient or a failing rendering becomes a Rejected and stops nobody else, except that a call for one person raises it:
    then nothing is written, not even the person. With `hold` the open deliveries are leased to this process from birth.
    `also` writes what belongs to the new notifications, in their transaction.
    """
    shared = plain(context)
    descriptions = [described(request.user) for request in requests]
    public_id.prepare()

    def work(connection: Connection) -> Batch:
        known = idempotency.replay(connection, options)
        if known is not None:
            return Batch([_replayed(entry) for entry in known], replayed=True)
        entries = prepare(connection, requests, descriptions, plan, shared, options, at_once=hold is not None)
        if len(entries) == 1 and isinstance(entries[0], CarillonError):
            raise entries[0]
        batch = _record(connection, plan, entries, requests, options, hold)
        if also is not None:
            also(connection, batch.notification_pks)
        _keep(connection, options, batch)
        return batch

    if len(requests) == 1:
        return together(work)
    with writing() as connection:
        return work(connection)


def _keep(connection: Connection, options: SendOptions, batch: Batch) -> None:
    """For the repeats: the answer's text where it is known by now, which it is unless something is to be sent first."""
    if options.idempotency_key is None:
        return
    if options.reply is not None and not batch.work:
        idempotency.keep(connection, options, None, options.reply(batch.answers))
    else:
        idempotency.keep(connection, options, [_kept(answer) for answer in batch.answers])


def _record(
    connection: Connection,
    plan: Plan,
    entries: Sequence[Entry | CarillonError],
    requests: Sequence[SendRequest],
    options: SendOptions,
    hold: Hold | None,
) -> Batch:
    good = [entry for entry in entries if isinstance(entry, Entry)]
    expires_in = options.expires_in if options.expires_in is not None else plan.policy.expires_after
    rows = record(
        connection, plan, good, expires_in=expires_in, priority=options.priority, hold=hold, is_test=options.is_test,
        is_trial=options.trial,
    )
    batch, written = Batch([]), iter(zip(good, rows, strict=True))
    for entry, request in zip(entries, requests, strict=True):
        if isinstance(entry, CarillonError):
            batch.answers.append(Rejected(named(request.user), entry))
            continue
        entry, row = next(written)
        batch.answers.append(_accepted(entry.person.external_id, row))
        batch.notification_pks.append(row.pk)
        batch.channels.update(kept.channel for kept in row.deliveries if kept.state in {QUEUED, SENDING})
        if hold:
            batch.work.extend(_work(plan, entry, row, options))
    return batch


def _work(plan: Plan, entry: Entry, row: Recorded, options: SendOptions) -> list[Work]:
    return [
        Work(
            kept.pk,
            None,
            kept.channel,
            1,
            plan.policy,
            compose.message(
                kept.channel,
                entry.rendered,
                entry.person,
                delivery_pk=kept.pk,
                notification_pk=row.pk,
                notification_type=plan.notification_type,
                data=entry.data or {},
                attempt=1,
            ),
            is_test=options.is_test,
            is_trial=options.trial,
        )
        for kept in row.deliveries
        if kept.state == SENDING
    ]


def _accepted(external_id: str, row: Recorded) -> Accepted:
    return Accepted(
        external_id,
        public_id.encode(public_id.NOTIFICATION, row.pk),
        tuple(
            DeliveryStatus(public_id.encode(public_id.DELIVERY, kept.pk), kept.channel, kept.state, kept.reason)
            for kept in row.deliveries
        ),
    )


def _kept(answer: Accepted | Rejected) -> dict[str, Any]:
    if isinstance(answer, Rejected):
        error = answer.error
        kept = {"code": type(error).__name__, "detail": error.detail, "field": error.field, "remedy": error.remedy}
        return {"recipient_id": answer.recipient_id, "error": kept}
    return {
        "recipient_id": answer.recipient_id,
        "notification_id": str(answer.notification_id),
        "deliveries": [[str(kept.id), kept.channel, kept.status, kept.reason] for kept in answer.deliveries],
    }


def _replayed(kept: Mapping[str, Any]) -> Accepted | Rejected:
    if "error" in kept:
        error = kept["error"]
        kind = CarillonError.named(error["code"])
        return Rejected(kept["recipient_id"], kind(error["detail"], field=error["field"], remedy=error["remedy"]))
    deliveries = tuple(DeliveryStatus(uuid.UUID(row[0]), *row[1:]) for row in kept["deliveries"])
    return Accepted(kept["recipient_id"], uuid.UUID(kept["notification_id"]), deliveries, replayed=True)
