"""Send one again: the same message once more to one person, whatever became of it, and never by touching what was sent.

What did not get through goes back into the queue, as "finish the job" does it: the same delivery, its earlier attempts kept. What
was sent (or cannot be put back: its text never came about, its broadcast was cancelled) becomes a new message, made from the same
version and data, that names the one it repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tasks import idempotency, jobs, live, metrics, public_id, rounds
from tasks.accept import Accepted, accept
from tasks.database import reading, writing
from tasks.entries import SendRequest, rehearse
from tasks.errors import CarillonError, InvalidOption, UnknownRecipient, WrongState
from tasks.ledger import counts
from tasks.ledger.processes import current_process_id
from tasks.models import AuditEntry, Delivery, Notification
from tasks.models.types import db_clock, utcnow
from tasks.models.words import CANCELLED, COMPLETED, FAILED, IN_APP, OPEN_STATES, OUTSIDE_CHANNELS, QUEUED
from tasks.options import SendOptions
from tasks.plan import load_version
from tasks.record import Entry
from tasks.reopen import AGAIN, STALE, WAITING
from tasks.rights import Rights
from tasks.rounds import Choice

TEST = Rights("a test message sent again", is_test=True)
REOPEN, ANEW = "reopen", "anew"  # the same delivery once more; a new message
_CLOSED_FOR_GOOD = (CANCELLED, FAILED)  # broadcasts that nothing goes out of any more


@dataclass(frozen=True, slots=True)
class Resent:
    """What was done: the message that is on its way, the same as before where its delivery was put back (`reopened`)."""

    notification_pk: int
    reopened: bool


def way(row: Delivery) -> str:
    """REOPEN or ANEW, as it stands now. Raises WrongState where nothing may be sent, and says what to do instead."""
    if row.notification.user.deleted_at is not None:
        raise UnknownRecipient("The person was erased.", field="id", remedy="Nothing can be sent to them.")
    if row.notification.is_trial:
        raise WrongState("It was a test send.", field="id", remedy="Make another test send instead.")
    if row.state in OPEN_STATES:
        raise WrongState(f"It is still on its way ({row.state}).", field="state", remedy="Wait for its end.")
    broadcast = row.notification.broadcast if row.broadcast_id is not None else None
    if broadcast is not None and broadcast.state not in {COMPLETED, *_CLOSED_FOR_GOOD}:
        remedy = "Wait until it is completed: then send one again, or all of them."
        raise WrongState(f"Its broadcast is {broadcast.state}.", field="state", remedy=remedy)
    can = row.state in AGAIN and row.reason not in STALE and row.channel != IN_APP
    return REOPEN if can and (broadcast is None or broadcast.state == COMPLETED) else ANEW


def resend(row: Delivery, actor: str, *, options: SendOptions, round: int | None = None) -> Resent:
    """Send a delivery's message again on its channel. `round`: the delivery's, as the caller saw it.

    Of two who ask at once one does it and the other gets WrongState with who was first; a new message is kept apart by the
    idempotency key of `options`. Raises what `way` and sending raise.
    """
    if way(row) == REOPEN and (round is None or round == row.round):
        if options.rights is not None:
            options.rights.check(row.notification.template.slug, {row.channel})
        return _reopen(row, actor, options)
    if round is not None and round != row.round:
        raise _refused(row.pk)
    return resend_anew(row.notification, () if row.channel == IN_APP else (row.channel,), actor, options=options)


def resend_anew(message: Notification, channels: Sequence[str], actor: str, *, options: SendOptions) -> Resent:
    """The message once more as a new one: into the inbox, and on these outside channels. Raises what sending raises."""
    if not {*channels} <= {*OUTSIDE_CHANNELS}:
        raise InvalidOption("Not every channel is an outside one.", field="channel", remedy=f"Use {', '.join(OUTSIDE_CHANNELS)}.")
    if options.rights is not None:
        options.rights.check(message.template.slug, {*channels})
    if message.is_test and options.rights is None:
        options = _as_test(options)

    def link(connection: Connection, pks: Sequence[int]) -> None:
        connection.execute(update(Notification).where(Notification.pk.in_(pks)).values(resent_from=message.pk))
        changes = {"sent again as": [None, list(pks)], "channels": [None, [*channels]]}
        _note(connection, "notification", message.pk, actor, changes)

    with reading() as connection:
        plan = load_version(connection, message.template_version_id)
    asked = SendRequest(message.user.external_id, channels=tuple(channels))
    batch = accept([asked], plan, message.data, options, also=link)
    (answer,) = batch.answers
    assert isinstance(answer, Accepted)  # a single one raises its error
    if not batch.replayed:
        live.announce(batch.notification_pks)
        metrics.accepted("single", 1)
        jobs.wake(batch.channels)
    pk = public_id.decode(public_id.NOTIFICATION, answer.notification_id)
    assert pk is not None
    return Resent(pk, reopened=False)


def look_ahead(message: Notification, channels: Sequence[str]) -> Entry | CarillonError:
    """What a new message would say, and which channels would ring for the person now; or why there is none. Writes nothing."""
    with reading() as connection:
        plan = load_version(connection, message.template_version_id)
    request = SendRequest(message.user.external_id, channels=tuple(channels))
    (found,) = rehearse([request], plan, message.data, SendOptions())
    return found


def _as_test(options: SendOptions) -> SendOptions:
    return SendOptions(
        idempotency_key=options.idempotency_key, idempotency_scope=options.idempotency_scope, body_hash=options.body_hash,
        actor=options.actor, rights=TEST,
    )


def _reopen(row: Delivery, actor: str, options: SendOptions) -> Resent:
    slot, before, done = current_process_id(), row.state, Resent(row.notification_id, reopened=True)
    with writing() as connection:
        if idempotency.replay(connection, options) is not None:
            return done
        number, expires = row.round + 1, None
        if row.expires_at is not None:
            expires = db_clock(max((row.expires_at - row.created_at).total_seconds(), 60.0))
        if row.broadcast_id is not None:
            started = rounds.begin_for_one(connection, row.broadcast_id, Choice(row.channel, row.state, row.reason), actor)
            if started is None:
                raise _refused(row.pk)
            number, expires = started.number, started.expires_at
            counts.add(connection, slot, {(row.broadcast_id, row.channel, before): -1})
        moved = connection.execute(
            update(Delivery)
            .where(Delivery.pk == row.pk, Delivery.state == before, Delivery.state.in_(AGAIN), Delivery.round == row.round)
            .values(**WAITING, round=number, expires_at=expires, unless=None)
        ).rowcount
        if not moved:
            raise _refused(row.pk)
        _note(connection, "delivery", row.pk, actor, {"state": [before, QUEUED], "round": [row.round, number]})
        idempotency.keep(connection, options, {"reopened": True}, options.reply and options.reply(done))
    if row.broadcast_id is not None:
        jobs.wake_lanes({row.channel})
    else:
        jobs.wake({row.channel})
    return done


def _note(connection: Connection, kind: str, pk: int, actor: str, changes: Mapping[str, Any]) -> None:
    entry = {"at": utcnow(), "actor": actor, "action": "resend", "object_type": kind, "object_id": str(pk)}
    connection.execute(insert(AuditEntry).values(**entry, changes=dict(changes)))


def _refused(pk: int) -> WrongState:
    same = (AuditEntry.object_type == "delivery", AuditEntry.object_id == str(pk), AuditEntry.action == "resend")
    with reading() as connection:
        last = connection.execute(
            select(AuditEntry.actor, AuditEntry.at).where(*same).order_by(AuditEntry.id.desc()).limit(1)
        ).first()
    who = f"{last.actor} sent it again at {last.at:%Y-%m-%d %H:%M:%S} UTC." if last else "Somebody was faster."
    remedy = "Look at the delivery before you send it again."
    return WrongState(f"{who} Nothing was done a second time.", field="id", remedy=remedy)
