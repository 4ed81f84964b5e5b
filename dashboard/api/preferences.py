"""What a person does not want."""

from flask import jsonify

from dashboard.api.answers import PreferenceAnswer
from dashboard.api.recipients import known, opt_outs
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import PreferenceBody, RecipientPath
from dashboard.auth import api_key
from tasks.audience.preferences import EVERY, change
from tasks.database import writing
from tasks.models.words import CHANNELS
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
    wish = (body.notification_type, body.channel or EVERY)
    all_of_it = [(body.notification_type, name) for name in (EVERY, *CHANNELS)]
    with writing() as connection:
        if body.opted_out:
            change(connection, person.id, out=[wish])
        else:
            change(connection, person.id, back=[wish] if body.channel else all_of_it)
    answer = PreferenceAnswer(recipient_id=person.external_id, opted_out=opt_outs(person))
    return jsonify(answer.model_dump(mode="json"))
