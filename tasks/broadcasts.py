"""A broadcast's life: made, due, finished. What may be done to it by hand is in `tasks.control`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from tasks import compose, idempotency, outbox, public_id, timetable
from tasks.audience import segments
from tasks.audience.segments import Audience
from tasks.config import settings
from tasks.context import plain
from tasks.database import reading, writing
from tasks.errors import IdempotencyRunning
from tasks.forecast import held
from tasks.forecast.terms import terms_of
from tasks.ledger import counts
from tasks.models import Broadcast, BroadcastRound, Delivery, Recipient
from tasks.models.broadcast import canary_holds, may_begin, window_is_open
from tasks.models.delivery import DUE, IN_HAND
from tasks.models.types import db_clock, utcnow
from tasks.models.words import AWAITING_APPROVAL, CANCELLED, COMPLETED, EXPANDING, OUTSIDE_CHANNELS, QUEUED, SENDING
from tasks.options import SendOptions
from tasks.plan import BROADCAST_EXPIRES_AFTER, Plan, load
from tasks.render import Rendered
from tasks.safety import approval, gates
from tasks.safety.approval import Question


@dataclass(frozen=True, slots=True)
class Checked:
    """A broadcast as it was asked for, found to be possible: the row to write, what it sends and to whom."""

    row: dict[str, Any]
    plan: Plan
    audience: Audience
    terms: dict[str, Any]


def check(audience: Any, template_slug: str, context: Mapping[str, Any], options: SendOptions) -> Checked:
    """Everything that can be known of a broadcast before it is written down.

    Raises what is wrong with it: unknown or inactive template, missing variable, unknown or invalid audience, a right that the
    key does not have.
    """
    data = plain(context)
    with reading() as connection:
        plan = load(connection, template_slug)
    if options.rights is not None:
        options.rights.check(template_slug, plan.policy.channels if options.channels is None else options.channels)
    meant = segments.resolve_audience(audience, plan.notification_type)
    row = _row(audience, meant.label, plan, data, _shared_text(plan, data, options), options, utcnow())
    return Checked(row, plan, meant, terms_of(audience, template_slug, data, plan, options))


def create(audience: Any, template_slug: str, context: Mapping[str, Any], options: SendOptions) -> int:
    """Write a broadcast down, ready to be expanded by a worker. Returns its row's id; a repeated idempotency key the first one's.

    Raises what `check` does, what is wrong with its time, and PlanMoved where it is held to a plan that is not true any more,
    before anything is written.
    """
    checked = check(audience, template_slug, context, options)
    row = checked.row
    public_id.prepare()
    is_repeat = _is_repeat(options)
    asked = None if is_repeat else _hold_back(checked, options)
    if asked is not None:
        row |= {"state": AWAITING_APPROVAL, "plan_hash": asked.plan_hash, "undo_until": None}
    with writing() as connection:
        known = idempotency.replay(connection, options)
        if known is not None:
            return int(known["broadcast"])
        if is_repeat:  # the first call was refused at this very moment: nobody has looked whether this one may go
            raise IdempotencyRunning("The first call has just ended.", field="Idempotency-Key", remedy="Try again shortly.")
        timetable.refuse(row, row["created_at"])  # not before: a repeat gets the first answer, whenever it comes
        pk = connection.execute(
            insert(Broadcast).values(row).returning(Broadcast.pk)
        ).scalar_one()
        if asked is not None:
            approval.ask(connection, pk, asked, options.actor, options.owners)
            outbox.broadcast(connection, pk, AWAITING_APPROVAL, by=options.actor)
        idempotency.keep(connection, options, {"broadcast": pk}, options.reply and options.reply((pk, row["state"])))
    return int(pk)


def _is_held(options: SendOptions) -> bool:
    return options.plan_hash is not None or options.confirm_count is not None or bool(settings().approve_above)


def _is_repeat(options: SendOptions) -> bool:
    """True where a repeat is to get the first answer, whatever has moved since. Raises what `idempotency.look` does."""
    if options.idempotency_key is None or not _is_held(options):
        return False
    with reading() as connection:
        return idempotency.look(connection, options) is not None


def _hold_back(checked: Checked, options: SendOptions) -> Question | None:
    """What has to be approved first. Raises PlanMoved and WrongCount where it is not what the caller believes it is."""
    if not _is_held(options):
        return None
    if options.plan_hash is not None:
        held.hold(options.plan_hash, checked.terms, checked.audience)
    if options.confirm_count is not None:
        with reading() as connection:
            people = connection.scalar(select(func.count()).select_from(Recipient).where(checked.audience.where())) or 0
        gates.confirm(people, options.confirm_count, "confirm_count")
    return approval.question(checked.terms, checked.audience, options)


def _shared_text(plan: Plan, data: dict[str, Any], options: SendOptions) -> Rendered | None:
    """The title and message where they are the same for all, else None. Every part that may be sent is tried."""
    channels = plan.policy.channels if options.channels is None else options.channels
    rehearsed = plan.version.rehearse(data, compose.parts_of(channels))
    return None if plan.version.personal(compose.parts_of(())) else rehearsed


def _row(
    audience: Any, label: str, plan: Plan, data: dict[str, Any], shared: Rendered | None, options: SendOptions, now: datetime
) -> dict[str, Any]:
    lasts = options.expires_in or plan.policy.expires_after or BROADCAST_EXPIRES_AFTER
    timed = timetable.columns(options, lasts, now)
    return {
        "template_version_id": plan.version_id,
        "data": data,
        "audience": audience,
        "audience_label": label,
        "title": shared.title if shared else None,
        "message": shared.message if shared else None,
        "channels": None if options.channels is None else list(options.channels),
        "created_by": options.actor,
        "created_at": now,
        "is_test": options.rights is not None and options.rights.is_test,
        **timed,
        **gates.columns(options, timed["state"], now),
        "plan_hash": options.plan_hash,
    }


def due() -> list[int]:
    """The broadcasts in their window whose rows want to be written now: queued and half done ones, and those with a round whose
    rows are not all back in the queue.
    """
    begun = or_(
        and_(Broadcast.state.in_((QUEUED, EXPANDING)), may_begin(), ~canary_holds()),
        and_(Broadcast.state == SENDING, _opening()),
    )
    with reading() as connection:
        return list(connection.execute(select(Broadcast.pk).where(begun, window_is_open()).order_by(Broadcast.pk)).scalars())


def finish() -> list[int]:
    """Mark every broadcast completed that is expanded and has nothing open any more. Returns which."""
    waiting = exists().where(
        Delivery.broadcast_id == Broadcast.pk, Delivery.channel.in_(OUTSIDE_CHANNELS), DUE
    )
    in_hand = exists().where(Delivery.broadcast_id == Broadcast.pk, IN_HAND)
    done = (Broadcast.state == SENDING, ~waiting, ~in_hand, ~_opening())
    with reading() as connection:
        if not connection.execute(select(Broadcast.pk).where(*done)).first():
            return []
    with writing() as connection:
        rows = connection.execute(
            update(Broadcast).where(*done).values(state=COMPLETED, finished_at=db_clock()).returning(Broadcast.pk)
        )
        ended = list(rows.scalars())
        for pk in ended:
            outbox.broadcast(connection, pk, COMPLETED, channels=counts.closed(connection, pk))
        return ended


def _opening() -> ColumnElement[bool]:
    return exists().where(BroadcastRound.broadcast_id == Broadcast.pk, BroadcastRound.opened_at.is_(None))


def unswept(connection: Connection) -> list[int]:
    """Cancelled broadcasts that may still have rows in the queue."""
    rows = connection.execute(select(Broadcast.pk).where(Broadcast.state == CANCELLED, Broadcast.finished_at.is_(None)))
    return list(rows.scalars())
