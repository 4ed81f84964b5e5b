"""Where a service wants to hear what became of its messages: webhooks, made, changed, tested and replayed."""

from flask import jsonify
from sqlalchemy import select

from dashboard import audit
from dashboard.api.repeats import once, once_in_secret
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import SendHeaders
from dashboard.api.webhook_schemas import (
    CallPath,
    CallsAnswer,
    MadeWebhookAnswer,
    SecretAnswer,
    WebhookAnswer,
    WebhookBody,
    WebhookChange,
    WebhookPath,
    WebhooksAnswer,
    call_answer,
    webhook_answer,
)
from dashboard.auth import api_key
from tasks import outbox
from tasks.extensions import db
from tasks.models import Webhook, WebhookCall
from tasks.webhooks import addresses

RECENT = 50  # calls shown
api = resource(
    "webhooks",
    "Addresses that are told what became of messages, signed by Standard Webhooks, at least once, in no promised order.",
)


@api.get("/webhooks/", responses={200: WebhooksAnswer, **refusals()})
@api_key("webhooks")
def list_all() -> Answer:
    """All webhooks."""
    rows = db.session.scalars(select(Webhook).order_by(Webhook.id))
    return jsonify(webhooks=[webhook_answer(row).model_dump(mode="json") for row in rows])


@api.post("/webhooks/", responses={201: MadeWebhookAnswer, **refusals(409, *WITH_BODY)})
@api_key("webhooks")
@once_in_secret
def make(header: SendHeaders, body: WebhookBody) -> Answer:
    """Make a webhook. Its secret, which verifies the calls, is in this answer and nowhere else."""
    made, secret = addresses.create(body.url, body.events, audit.current_actor(), body.description)
    audit.record("create", "webhook", made.id, {"url": ["", made.url]})
    _commit()
    answer = MadeWebhookAnswer(**webhook_answer(made).model_dump(), secret=secret)
    return jsonify(answer.model_dump(mode="json")), 201


@api.get("/webhooks/<int:id>/", responses={200: WebhookAnswer, **refusals(404, 422)})
@api_key("webhooks")
def show(path: WebhookPath) -> Answer:
    """A webhook and how it is doing."""
    return jsonify(webhook_answer(addresses.find(path.id)).model_dump(mode="json"))


@api.patch("/webhooks/<int:id>/", responses={200: WebhookAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("webhooks")
def change(path: WebhookPath, body: WebhookChange) -> Answer:
    """Change its address, events or description, or switch it off and on. What waits goes out when it is on again."""
    row = addresses.find(path.id)
    wanted = body.model_dump(exclude_unset=True, exclude_none=True)
    addresses.check(wanted.get("url", row.url), wanted.get("events", row.events))
    before = {name: getattr(row, name) for name in wanted}
    for name, value in wanted.items():
        setattr(row, name, value)
    if wanted.get("is_active"):
        addresses.switch_on(row)
    audit.record("update", "webhook", row.id, {name: [before[name], value] for name, value in wanted.items()})
    _commit()
    return jsonify(webhook_answer(row).model_dump(mode="json"))


@api.delete("/webhooks/<int:id>/", responses={204: {"description": "Gone, with what waited for it."}, **refusals(404, 409, 422)})
@api_key("webhooks")
def remove(path: WebhookPath) -> Answer:
    """Delete a webhook and its calls."""
    row = addresses.find(path.id)
    audit.record("delete", "webhook", row.id, {"url": [row.url, ""]})
    db.session.delete(row)
    _commit()
    return jsonify(), 204


@api.post("/webhooks/<int:id>/rotate/", responses={200: SecretAnswer, **refusals(404, 409, 422)})
@api_key("webhooks")
@once_in_secret
def rotate(header: SendHeaders, path: WebhookPath) -> Answer:
    """A new secret. For a day calls carry two signatures, by the new secret and by the one before."""
    row = addresses.find(path.id)
    secret = addresses.rotate(row)
    audit.record("rotate", "webhook", row.id, {})
    _commit()
    return jsonify(secret=secret)


@api.post(
    "/webhooks/<int:id>/test/",
    responses={202: {"description": "A webhook.test event is on its way."}, **refusals(404, 409, 422)},
)
@api_key("webhooks")
@once
def test(header: SendHeaders, path: WebhookPath) -> Answer:
    """Send it a webhook.test event."""
    addresses.send_test(addresses.find(path.id).id)
    return jsonify(status="queued"), 202


@api.get("/webhooks/<int:id>/calls/", responses={200: CallsAnswer, **refusals(404, 422)})
@api_key("webhooks")
def calls(path: WebhookPath) -> Answer:
    """Its last calls, newest first, with what it answered."""
    row = addresses.find(path.id)
    found = db.session.scalars(
        select(WebhookCall).where(WebhookCall.webhook_id == row.id).order_by(WebhookCall.id.desc()).limit(RECENT)
    )
    return jsonify(calls=[call_answer(one).model_dump(mode="json") for one in found])


@api.post(
    "/webhooks/<int:id>/calls/<int:call_id>/replay/",
    responses={202: {"description": "It is called again, with the same event."}, **refusals(404, 409, 422)},
)
@api_key("webhooks")
@once
def replay(header: SendHeaders, path: CallPath) -> Answer:
    """Call it again with an event whose calls have ended. The event's id stays: who had it already knows it."""
    addresses.find(path.id)
    addresses.replay(path.call_id, path.id)
    return jsonify(status="queued"), 202


def _commit() -> None:
    db.session.commit()
    outbox.forget()
