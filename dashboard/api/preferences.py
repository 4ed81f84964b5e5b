"""What a person does not want."""

from flask import jsonify
from sqlalchemy import delete

from dashboard.api.answers import PreferenceAnswer
from dashboard.api.recipients import known, opt_outs
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import PreferenceBody, RecipientPath
from dashboard.auth import api_key
from tasks.database import upsert, writing
from tasks.models import OptOut
from tasks.models.types import utcnow
from tasks.route import check_channels

api = resource("preferences", "What people do not want, by type and channel.")


@api.put("/recipients/<id>/preferences/", responses={200: PreferenceAnswer, **refusals(404, *WITH_BODY)})
@api_key("recipients")
def choose(path: RecipientPath, body: PreferenceBody) -> Answer:
    """Opt a person out of a type of notification, or in again: on one channel, or (null) on all.

    The in-app message is written whatever they choose. Opting in on all channels forgets the single ones too.
    """
    person = known(path.id)
    if body.channel is not None:
        check_channels([body.channel])
    _write(person.id, body.notification_type, body.channel or "*", body.opted_out)
    answer = PreferenceAnswer(recipient_id=person.external_id, opted_out=opt_outs(person))
    return jsonify(answer.model_dump(mode="json"))


def _write(recipient_id: int, notification_type: str, channel: str, opted_out: bool) -> None:
    row = {"recipient_id": recipient_id, "notification_type": notification_type, "channel": channel}
    with writing() as connection:
        if opted_out:
            insert = upsert(OptOut, connection.dialect.name).values(**row, created_at=utcnow())
            connection.execute(insert.on_conflict_do_nothing())
            return
        rows = delete(OptOut).where(OptOut.recipient_id == recipient_id, OptOut.notification_type == notification_type)
        connection.execute(rows if channel == "*" else rows.where(OptOut.channel == channel))
