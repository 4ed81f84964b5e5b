"""Finish the job: what of a broadcast did not get through, and one more round over it."""

from uuid import UUID

from flask import Response, g, jsonify

from dashboard import audit
from dashboard.api.repeats import keyed, sends
from dashboard.api.resource import WITH_BODY, Answer, as_answer, refusals, resource
from dashboard.api.round_answers import ChoicesAnswer, FinishAnswer
from dashboard.api.schemas import FinishBody, PublicPath, SendHeaders
from dashboard.auth import api_key
from dashboard.keys import rights_of
from tasks import public_id, rounds
from tasks.errors import InvalidOption, UnknownBroadcast
from tasks.extensions import db
from tasks.models import Broadcast
from tasks.models.words import COMPLETED, SENDING
from tasks.options import SendOptions
from tasks.rounds import Choice, Round

api = resource("broadcasts", "One message to an audience.", name="rounds")


@api.get("/broadcasts/<uuid:id>/finish/", responses={200: ChoicesAnswer, **refusals(404)})
@api_key("read")
def choices(path: PublicPath) -> Answer:
    """What could be sent again, by channel, state and reason, and the rounds so far. What was sent is never among it."""
    row = _row(path.id)
    return jsonify({
        "broadcast_id": str(row.id), "status": row.state, "round": row.round, "can_finish": row.state == COMPLETED,
        "choices": [
            {"channel": one.channel, "state": one.state, "reason": one.reason, "count": one.count, "words": one.words,
             "warning": one.warning}
            for one in rounds.choices(row.pk)
        ],
        "rounds": [_round(one) for one in rounds.history(row.pk)],
    })


@api.post("/broadcasts/<uuid:id>/finish/", responses={202: FinishAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("broadcast")
@sends
def finish(header: SendHeaders, path: PublicPath, body: FinishBody) -> Answer:
    """Send again what did not get through: one more round over the deliveries that are chosen, once the broadcast is completed.

    A delivery that was sent is never touched. Deliveries in doubt may arrive twice. Of two who ask at once one starts the round,
    and the other is told who did.
    """
    row = _row(path.id)
    chosen = [Choice(one.channel, one.state, one.reason) for one in body.chosen or ()]
    chosen += [Choice(reason=reason) for reason in body.reasons or ()]
    options = SendOptions(
        actor=audit.current_actor(), rights=rights_of(g.api_key), reply=lambda found: _text(path.id, found), **keyed(header)
    )
    try:
        return _answer(path.id, rounds.finish(row.pk, chosen, audit.current_actor(), options=options))
    except InvalidOption as error:
        if body.reasons:
            error.field = error.field.replace("chosen", "reasons").removesuffix(".reason")
        raise


def _row(broadcast_id: UUID) -> Broadcast:
    pk = public_id.decode(public_id.BROADCAST, broadcast_id)
    found = db.session.get(Broadcast, pk) if pk is not None else None
    if found is None:
        raise UnknownBroadcast("No broadcast has this id.", field="id", remedy="Use the id that POST /notify/broadcast/ gave.")
    return found


def _answer(broadcast_id: UUID, found: Round) -> Response:
    answer = FinishAnswer(broadcast_id=broadcast_id, status=SENDING, round=found.number, count=found.count)
    return as_answer(answer.model_dump(mode="json"), 202)


def _text(broadcast_id: UUID, found: Round) -> tuple[int, str]:
    answer = _answer(broadcast_id, found)
    return answer.status_code, answer.get_data(as_text=True)


def _round(one: Round) -> dict[str, object]:
    chosen = [{"channel": choice.channel, "state": choice.state, "reason": choice.reason} for choice in one.chosen]
    return {
        "number": one.number, "count": one.count, "chosen": chosen, "created_by": one.created_by,
        "created_at": one.created_at.isoformat(), "is_open": one.is_open,
    }
