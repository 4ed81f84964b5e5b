"""The one door: every surface (API, composer, command line, Python caller) sends through here."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import make_transient_to_detached

from tasks import broadcasts, deliver, idempotency, jobs, live, metrics, public_id
from tasks.accept import PAGE, Accepted, Batch, DeliveryStatus, Rejected, accept
from tasks.database import reading
from tasks.entries import SendRequest
from tasks.errors import IdempotencyRunning, InvalidOption
from tasks.extensions import db
from tasks.handles import BulkHandle, NotificationHandle
from tasks.ledger import lease, pace
from tasks.ledger.lease import new_token
from tasks.ledger.processes import current_process_id
from tasks.models import Broadcast, Delivery, Notification
from tasks.models.words import SENDING
from tasks.options import SendOptions
from tasks.plan import Plan, load
from tasks.record import Hold
from tasks.route import check_channels

log = logging.getLogger(__name__)
NOTHING = SendOptions()


def notify(
    user: object, template_slug: str, async_send: bool = False, *, options: SendOptions | None = None, **context: Any
) -> Notification | NotificationHandle:
    """Send one person a message made from a template and `context`.

    `user`: a Recipient, its id, a mapping with "id", or any object with `.id`. Synchronous: everything has happened when it
    returns the Notification; asynchronous: it is on record, a worker does the rest, and a handle comes back within milliseconds.
    Raises UnknownTemplate, InactiveTemplate, MissingVariable, UnknownRecipient, InvalidRecipient, InvalidOption before anything
    is written or sent. A channel that cannot deliver is no error: its delivery says why.
    """
    chosen = _single(options or NOTHING)
    try:
        _, batch = _submit([_request(user)], template_slug, context, chosen, now=not async_send)
    except Exception as error:
        # Layer one of failure: the caller hears of it, and so does the log.
        log.warning("notify failed", extra={"template": template_slug, "error": type(error).__name__})
        raise
    (answer,) = batch.answers
    if isinstance(answer, Rejected):
        raise answer.error
    pk = public_id.decode(public_id.NOTIFICATION, answer.notification_id)
    assert pk is not None
    if async_send:
        return NotificationHandle(answer.notification_id, answer.recipient_id, template_slug, pk)
    return _loaded(pk)


def notify_bulk(
    users: Iterable[object], template_slug: str, async_send: bool = True, *, options: SendOptions | None = None, **context: Any
) -> dict[str, Any] | BulkHandle:
    """Send many people the message; ids, mappings and objects mixed. A mapping may carry its own "data" and "channel".

    Asynchronous: a handle, whose `result()` has status, success_count, failure_count, total and the failures by reason;
    synchronous: that result. One bad user stops nobody else. Raises what concerns the whole call: UnknownTemplate,
    InactiveTemplate, InvalidOption.
    """
    answers = submit([_request(user) for user in users], template_slug, context, options or NOTHING, now=not async_send)
    handle = BulkHandle(answers, template_slug)
    return handle if async_send else handle.summary()


def broadcast(audience: Any, template_slug: str, *, options: SendOptions | None = None, **context: Any) -> Broadcast:
    """Send the message to an audience.

    That is "all", "subscribed", a segment's slug, an inline definition, {"ids": [...]} or {"source": "http"}.
    Returns the Broadcast at once; a worker expands and sends it. Raises as `notify` does, and UnknownAudience, InvalidAudience.
    """
    return start_broadcast(audience, template_slug, context, options or NOTHING)


def start_broadcast(audience: Any, template_slug: str, context: Mapping[str, Any], options: SendOptions) -> Broadcast:
    """What `broadcast` does, for callers whose variables may have any name (the API): `options` or `audience` too."""
    pk = broadcasts.create(audience, template_slug, context, options)
    jobs.wake_broadcast(pk)
    found = db.session.get(Broadcast, pk)
    assert found is not None
    return found


def submit(
    requests: Sequence[SendRequest], template_slug: str, context: Mapping[str, Any], options: SendOptions, *, now: bool
) -> list[Accepted | Rejected]:
    """Send to each of `requests`: an answer a request, in order. `now`: with the final statuses of this first attempt.

    Each 1,000 people are one transaction. A single request raises its error; among several it becomes a Rejected. Raises what
    concerns the whole call.
    """
    chosen = _single(options)
    answers: list[Accepted | Rejected] = []
    for number, start in enumerate(range(0, len(requests), PAGE)):
        key = chosen.idempotency_key
        part = chosen if key is None or number == 0 else replace(chosen, idempotency_key=f"{key[:240]}#{number}")
        _, batch = _submit(requests[start : start + PAGE], template_slug, context, part, now=now)
        answers.extend(_tried(batch, part) if now and (batch.work or batch.replayed) else batch.answers)
    return answers


def _tried(batch: Batch, options: SendOptions) -> list[Accepted | Rejected]:
    """The answers once everything was tried, kept for the repeats.

    Raises IdempotencyRunning where a repeat finds the first call's messages in hand.
    """
    answers = _refreshed(batch.answers)
    if options.reply is None or options.idempotency_key is None:
        return answers
    if batch.replayed and any(_in_hand(answer) for answer in answers):
        raise IdempotencyRunning(
            "The first call with this key still sends.", field="Idempotency-Key", remedy="Try again shortly."
        )
    idempotency.settle(options, *options.reply(answers))
    return answers


def _in_hand(answer: Accepted | Rejected) -> bool:
    return isinstance(answer, Accepted) and any(kept.status == SENDING for kept in answer.deliveries)


def _submit(
    requests: Sequence[SendRequest], template_slug: str, context: Mapping[str, Any], options: SendOptions, *, now: bool
) -> tuple[Plan, Batch]:
    with reading() as connection:
        plan = load(connection, template_slug)
    check_rights(plan, template_slug, requests, options)
    return plan, submit_plan(requests, plan, context, options, now=now)


def submit_plan(
    requests: Sequence[SendRequest], plan: Plan, context: Mapping[str, Any], options: SendOptions, *, now: bool
) -> Batch:
    """Send an exact version to `requests`, at most 1,000: what `submit` does once it knows which one."""
    at_once = now and _may_ring(plan, requests, options)
    hold = Hold(new_token(), current_process_id(), handed=len(requests) == 1) if at_once else None
    batch = accept(requests, plan, context, options, hold)
    if batch.replayed:
        return batch
    live.announce(batch.notification_pks)
    _tell(batch, plan, "single" if len(requests) == 1 else "bulk", is_test=options.is_test)
    if hold is None:
        jobs.wake(batch.channels)
        return batch
    by_channel = sorted(batch.work, key=lambda work: work.channel)
    for channel, work in groupby(by_channel, key=lambda work: work.channel):
        with lease.abandoned_on_error(hold.token):
            pace.count(channel, deliver.send(channel, list(work), hold.token, hold.process_id, handed=hold.handed))
    return batch


def _tell(batch: Batch, plan: Plan, kind: str, *, is_test: bool) -> None:
    """For the figures, unless it is a test, and the log: what was accepted, by its ids."""
    if not is_test:
        metrics.accepted(kind, len(batch.notification_pks))
    if log.isEnabledFor(logging.INFO):
        ids = [str(answer.notification_id) for answer in batch.answers if isinstance(answer, Accepted)]
        log.info("accepted", extra={"notification_type": plan.notification_type, "notification_ids": ids})


def check_rights(plan: Plan, template_slug: str, requests: Sequence[SendRequest], options: SendOptions) -> None:
    """Raise NotAllowed where the key behind the call may not send this template, or ring a channel that may ring."""
    if options.rights is not None:
        options.rights.check(template_slug, _may_ring(plan, requests, options))


def _may_ring(plan: Plan, requests: Sequence[SendRequest], options: SendOptions) -> set[str]:
    """The outside channels that may ring for somebody."""
    for_all = options.channels if options.channels is not None else plan.policy.channels
    return {channel for request in requests for channel in (for_all if request.channels is None else request.channels)}


def _request(user: object) -> SendRequest:
    if not isinstance(user, Mapping):
        return SendRequest(user)
    channel, data = user.get("channel"), user.get("data")
    if data is not None and not isinstance(data, Mapping):
        raise InvalidOption("data is not a mapping.", field="recipient.data", remedy="Give variable names and values.")
    return SendRequest(user, dict(data or {}), check_channels([str(channel)]) if channel else None)


def _single(options: SendOptions) -> SendOptions:
    if options.send_at is not None:
        raise InvalidOption(
            "send_at is for broadcasts.",
            field="send_at",
            remedy='Use broadcast({"ids": ["42"]}, ..., options=SendOptions(send_at=...)).',
        )
    return options


def _loaded(pk: int) -> Notification:
    """The Notification, ready to be queried and lazily read: no statement is spent on what may never be looked at."""
    found = Notification(pk=pk)
    make_transient_to_detached(found)
    return db.session.merge(found, load=False)


def _refreshed(answers: Sequence[Accepted | Rejected]) -> list[Accepted | Rejected]:
    """The answers with the deliveries' states as they are now."""
    pks = [
        public_id.decode(public_id.DELIVERY, kept.id)
        for answer in answers
        if isinstance(answer, Accepted)
        for kept in answer.deliveries
    ]
    with reading() as connection:
        rows = connection.execute(select(Delivery.pk.label("pk"), Delivery.state, Delivery.reason).where(Delivery.pk.in_(pks)))
        states = {public_id.encode(public_id.DELIVERY, pk): (state, reason) for pk, state, reason in rows}
    return [
        replace(answer, deliveries=tuple(DeliveryStatus(kept.id, kept.channel, *states[kept.id]) for kept in answer.deliveries))
        if isinstance(answer, Accepted)
        else answer
        for answer in answers
    ]
