"""One message to one person, and what became of it."""

from flask import Response, jsonify

from dashboard.api.answers import NotificationAnswer, NotifyAnswer
from dashboard.api.explanations import NotifiedOrRehearsed
from dashboard.api.repeats import sends
from dashboard.api.resource import WITH_BODY, Answer, as_answer, refusals, resource
from dashboard.api.schemas import NotifyBody, PublicPath, SendHeaders
from dashboard.api.sending import deliveries_of, options_of, own_channels, spend_on, status_of
from dashboard.auth import api_key
from tasks.accept import Accepted, Rejected
from tasks.entries import SendRequest
from tasks.errors import CarillonError, UnknownNotification
from tasks.options import SendOptions
from tasks.rehearsal import rehearse_people
from tasks.send import submit
from tasks.status import notification_status

api = resource("notifications", "Messages to single people.")


@api.post("/notify/", responses={200: NotifiedOrRehearsed, 202: NotifyAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("send")
@sends
def send(header: SendHeaders, body: NotifyBody) -> Answer:
    """Send one person a message.

    202: it is on record and a worker sends it. With `"async": false`, 200: everything was tried, here are the results. With
    `"dry_run": true`, 200: what would happen on each channel, why, and with which text.
    """
    channels = own_channels(body.recipient.channel, body.channel)
    person = body.recipient.model_dump(exclude_unset=True, exclude={"channel"})
    now = not body.async_
    asked = SendRequest(person, channels=channels)
    options = options_of(body, header, lambda answers: _answer(answers[0], now=now))
    if body.dry_run:
        return _rehearsed(asked, body, options)
    spend_on(1, options)
    (answer,) = submit([asked], body.template_name, body.data, options, now=now)
    if isinstance(answer, Rejected):
        raise answer.error
    return _answer(answer, now=now)


def _rehearsed(asked: SendRequest, body: NotifyBody, options: SendOptions) -> Response:
    (found,) = rehearse_people([asked], body.template_name, body.data, options)
    if isinstance(found, CarillonError):
        raise found
    return as_answer(found)


def _answer(answer: Accepted, *, now: bool) -> Response:
    found = NotifyAnswer(
        notification_id=answer.notification_id, status=status_of(answer, now=now), deliveries=deliveries_of(answer)
    )
    return as_answer(found.model_dump(mode="json"), 200 if now else 202)


@api.get("/notify/<uuid:id>/", responses={200: NotificationAnswer, **refusals(404)})
@api_key("read")
def show(path: PublicPath) -> Answer:
    """A message, its deliveries and every attempt."""
    found = notification_status(path.id)
    if found is None:
        raise UnknownNotification("No notification has this id.", field="id", remedy="Use the id that POST /notify/ gave.")
    return jsonify(found)
