"""People: created and updated ahead of any message, and looked up."""

from flask import Response, jsonify
from sqlalchemy import select

from dashboard import audit
from dashboard.api.answers import DeviceAnswer, OptOutAnswer, RecipientAnswer
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import RecipientFields, RecipientPath
from dashboard.auth import api_key
from dashboard.pieces import pieces
from tasks.audience import recipients
from tasks.audience.erase import erase
from tasks.audience.export import export
from tasks.errors import InvalidRecipient, UnknownRecipient
from tasks.extensions import db
from tasks.models import Device, OptOut, Recipient

api = resource("recipients", "People, known by your own ids.")
EXPORT = {
    "description": "The person, what they do not want, and their messages, in one document.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@api.put("/recipients/<id>/", responses={200: RecipientAnswer, **refusals(*WITH_BODY)})
@api_key("recipients")
def save(path: RecipientPath, body: RecipientFields) -> Answer:
    """Create or update a person.

    Fields that are left out stay as they are.
    """
    try:
        return _answer(recipients.save({**body.model_dump(exclude_unset=True), "id": path.id}))
    except InvalidRecipient as error:
        error.field = error.field.removeprefix("recipient.")  # the person is this request's whole body
        raise


@api.get("/recipients/<id>/", responses={200: RecipientAnswer, **refusals(404, 422)})
@api_key("recipients")
def show(path: RecipientPath) -> Answer:
    """A person, as they are kept, with their devices and what they do not want."""
    return _answer(known(path.id))


@api.delete("/recipients/<id>/", responses={204: {"description": "Erased."}, **refusals(404, 422)})
@api_key("recipients")
def forget(path: RecipientPath) -> Answer:
    """Erase a person: everything that says who they were goes, in every table, and what waits for them is cancelled.

    What was sent stays counted. The id is free for somebody new. This cannot be undone.
    """
    pk = known(path.id).id
    db.session.rollback()
    erase(pk, actor=audit.current_actor())
    return jsonify(), 204


@api.get("/recipients/<id>/export/", responses={200: EXPORT, **refusals(404, 422)})
@api_key("recipients")
def export_all(path: RecipientPath) -> Answer:
    """Everything that is known of a person, as one JSON document: devices, wishes, lists, every message and attempt."""
    pk = known(path.id).id
    audit.record("export", "recipient", pk, {})
    db.session.commit()
    return Response(("".join(lot) for lot in pieces(export(pk))), mimetype="application/json")


def known(external_id: str) -> Recipient:
    """The person with the caller's own id. Raises UnknownRecipient."""
    found = recipients.find(external_id)
    if found is None or found.deleted_at is not None:
        raise UnknownRecipient(f"Nobody is known by the id {external_id!r}.", field="id", remedy="PUT them here first.")
    return found


def opt_outs(recipient: Recipient) -> list[OptOutAnswer]:
    """What a person does not want, by type; a null channel means all."""
    rows = db.session.scalars(
        select(OptOut).where(OptOut.recipient_id == recipient.id).order_by(OptOut.notification_type, OptOut.channel)
    )
    return [
        OptOutAnswer(notification_type=row.notification_type, channel=None if row.channel == "*" else row.channel)
        for row in rows
    ]


def _answer(row: Recipient) -> Answer:
    devices = db.session.scalars(select(Device).where(Device.recipient_id == row.id).order_by(Device.id))
    answer = RecipientAnswer(
        id=row.external_id, name=row.name, email=row.email, phone=row.phone, locale=row.locale, timezone=row.timezone,
        country=row.country, attributes=row.attributes, is_active=row.is_active, opted_out=opt_outs(row),
        devices=[DeviceAnswer(kind=one.kind, platform=one.platform, is_active=one.is_active) for one in devices],
        created_at=row.created_at, updated_at=row.updated_at,
    )
    return jsonify(answer.model_dump(mode="json"))
