"""One message once more: put back where it did not get through, as a new message where it did."""

from uuid import UUID

from flask import Response, g
from sqlalchemy import select

from dashboard import audit
from dashboard.api.answers import ResentAnswer
from dashboard.api.repeats import keyed, sends
from dashboard.api.resource import WITH_BODY, Answer, as_answer, refusals, resource
from dashboard.api.schemas import PublicPath, ResendBody, SendHeaders
from dashboard.api.sending import spend_on
from dashboard.auth import api_key
from dashboard.keys import rights_of
from tasks import public_id
from tasks import resend as resending
from tasks.errors import NotAllowed, UnknownChannel, UnknownNotification
from tasks.extensions import db
from tasks.models import Delivery, Notification
from tasks.models.words import CHANNELS
from tasks.options import SendOptions

api = resource("notifications", "Messages to single people.", name="resend")


@api.post("/notify/<uuid:id>/resend/", responses={202: ResentAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("send")
@sends
def again(header: SendHeaders, path: PublicPath, body: ResendBody) -> Answer:
    """Send one message again on one of its channels. A delivery that was sent is never touched.

    What failed, expired, bounced, was skipped or is in doubt goes back into the queue with its attempts kept (in doubt it may
    arrive twice). What was sent becomes a new message from the same template version and variables, and shows in the inbox too.
    """
    row = _delivery(path.id, body.channel)
    rights = rights_of(g.api_key)
    if rights.is_test and not row.notification.is_test:
        raise NotAllowed("A test key cannot send a real message again.", field="Authorization", remedy="Use a live key.")

    def text(done: object) -> tuple[int, str]:
        if isinstance(done, resending.Resent):
            found = _answer(public_id.encode(public_id.NOTIFICATION, done.notification_pk), body.channel, done.reopened)
        else:
            found = _answer(done[0].notification_id, body.channel, False)  # type: ignore[index]  # what was accepted, of one call
        return found.status_code, found.get_data(as_text=True)

    # A test message stays one, whichever key asks; the rights of a live key hold for the rest.
    held = resending.TEST if row.notification.is_test else rights
    options = SendOptions(actor=audit.current_actor(), rights=held, reply=text, **keyed(header))
    spend_on(1, options)
    done = resending.resend(row, audit.current_actor(), options=options)
    return _answer(public_id.encode(public_id.NOTIFICATION, done.notification_pk), body.channel, done.reopened)


def _delivery(message: UUID, channel: str) -> Delivery:
    pk = public_id.decode(public_id.NOTIFICATION, message)
    if pk is None or db.session.get(Notification, pk) is None:
        raise UnknownNotification("No notification has this id.", field="id", remedy="Use the id that POST /notify/ gave.")
    found = db.session.scalar(select(Delivery).where(Delivery.notification_id == pk, Delivery.channel == channel))
    if found is None:
        remedy = f"Name one of its channels, of {', '.join(CHANNELS)}."
        raise UnknownChannel(f"It has no delivery on {channel!r}.", field="channel", remedy=remedy)
    return found


def _answer(message: UUID, channel: str, reopened: bool) -> Response:
    return as_answer(ResentAnswer(notification_id=message, channel=channel, reopened=reopened).model_dump(mode="json"), 202)
