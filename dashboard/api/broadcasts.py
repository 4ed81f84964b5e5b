"""One message to an audience: started, watched, paused, resumed, cancelled."""

from collections.abc import Callable
from uuid import UUID

from flask import Response, g, jsonify

from dashboard import audit, keys
from dashboard.api.answers import BroadcastAnswer, BroadcastStatusAnswer
from dashboard.api.explanations import BroadcastRehearsed
from dashboard.api.repeats import once, sends
from dashboard.api.resource import WITH_BODY, Answer, as_answer, refusals, resource
from dashboard.api.schemas import BroadcastBody, PublicPath, SendHeaders
from dashboard.api.sending import key_rights, options_of
from dashboard.auth import api_key
from tasks import control, public_id
from tasks.audience import segments
from tasks.config import settings
from tasks.errors import UnknownBroadcast, WrongState
from tasks.extensions import db
from tasks.models import Broadcast
from tasks.models.words import AWAITING_APPROVAL, CANCELLED, MISSED, PAUSED, QUEUED, SCHEDULED
from tasks.options import Canary
from tasks.rehearsal import rehearse_broadcast
from tasks.send import start_broadcast
from tasks.status import broadcast_status

api = resource("broadcasts", "One message to an audience.")
CONTROL = {200: BroadcastAnswer, **refusals(404, 409, 422)}


@api.post("/notify/broadcast/", responses={200: BroadcastRehearsed, 202: BroadcastAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("broadcast")
@sends
def send(header: SendHeaders, body: BroadcastBody) -> Answer:
    """Send an audience a message.

    The audience is `all`, `subscribed`, a segment's slug, a segment definition, a list of ids, or the outside source. A `send_at`
    that has just passed is now. One that passes while nothing can send for an hour becomes `missed`: resume it, or cancel it.
    Where the installation asks for a second person's approval of large ones it is `awaiting_approval`: an operator gives that at
    the desk, no key can.
    """
    options = options_of(
        body, header, _accepted, send_at=body.send_at, timezone=body.timezone, window=body.window,
        rate_per_minute=body.rate_per_minute, undo_seconds=body.undo_seconds, confirm_count=body.confirm_count,
        canary=body.canary and Canary(body.canary.people, body.canary.share, body.canary.wait),
        owners=_owners(), plan_hash=body.plan_hash,
    )
    audience = segments.excluding(body.audience, body.exclude)
    if body.dry_run:
        return as_answer(rehearse_broadcast(audience, body.template_name, body.data, options))
    row = start_broadcast(audience, body.template_name, body.data, options)
    waits = row.send_at is not None and row.send_at > row.created_at
    held = row.state == AWAITING_APPROVAL
    return _accepted((row.pk, AWAITING_APPROVAL if held else SCHEDULED if waits else QUEUED))


def _owners() -> tuple[str, ...]:
    """Who stands behind the key of this request; asked only where somebody may have to approve what it sends."""
    return keys.owners_of(g.api_key) if settings().approve_above else ()


def _accepted(made: tuple[int, str]) -> Response:
    pk, state = made
    return _answer(public_id.encode(public_id.BROADCAST, pk), state, 202)


@api.get("/broadcasts/<uuid:id>/", responses={200: BroadcastStatusAnswer, **refusals(404)})
@api_key("read")
def show(path: PublicPath) -> Answer:
    """A broadcast and its counts by channel and state."""
    found = broadcast_status(path.id)
    if found is None:
        raise _unknown()
    return jsonify(found)


@api.post("/broadcasts/<uuid:id>/pause/", responses=CONTROL)
@api_key("broadcast")
@once
def pause(header: SendHeaders, path: PublicPath) -> Answer:
    """Stop it for now. What a provider has in hand goes out, and nothing after it."""
    return _control(path.id, control.pause, (), lambda state: state == PAUSED)


@api.post("/broadcasts/<uuid:id>/resume/", responses=CONTROL)
@api_key("broadcast")
@once
def resume(header: SendHeaders, path: PublicPath) -> Answer:
    """Let a paused broadcast go on where it stopped, or send a missed one now."""
    return _control(path.id, control.resume, None, lambda state: state not in {PAUSED, MISSED, CANCELLED})


@api.post("/broadcasts/<uuid:id>/cancel/", responses=CONTROL)
@api_key("broadcast")
@once
def cancel(header: SendHeaders, path: PublicPath) -> Answer:
    """Stop it for good: what has not been handed over is marked cancelled."""
    return _control(path.id, control.cancel, (), lambda state: state == CANCELLED)


def _control(
    broadcast_id: UUID, act: Callable[[int, str], Broadcast], rings: tuple[str, ...] | None, done: Callable[[str], bool]
) -> Answer:
    """Act on a broadcast as far as the key may: `rings`, the channels this lets ring; None: whichever it has.

    `done` says of a state that this was done: by a call that was killed before it could answer.
    """
    pk = public_id.decode(public_id.BROADCAST, broadcast_id)
    if pk is None:
        raise _unknown()
    control.check_rights(key_rights(), pk, rings)
    try:
        row = act(pk, audit.current_actor())
    except WrongState:
        row = db.session.get_one(Broadcast, pk)
        if not (g.resumed and done(row.state)):
            raise
    return _answer(row.id, row.state)


def _answer(broadcast_id: UUID, state: str, status: int = 200) -> Response:
    answer = BroadcastAnswer(broadcast_id=broadcast_id, status=state, is_broadcast=True)
    return as_answer(answer.model_dump(mode="json"), status)


def _unknown() -> UnknownBroadcast:
    return UnknownBroadcast("No broadcast has this id.", field="id", remedy="Use the id that POST /notify/broadcast/ gave.")
