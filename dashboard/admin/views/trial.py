"""Test sends: the message of the composer or of a template's editor, to the operator themselves or to their test group."""

from collections.abc import Sequence
from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from dashboard import audit
from dashboard.admin.display.labels import channel_label, reason_words, state_label
from dashboard.admin.forms.looked_at import EDITOR, LookedAt, read_subject
from dashboard.admin.guard import Page, at
from tasks import public_id
from tasks.accept import Accepted, Rejected
from tasks.channels import provider_name
from tasks.config import settings
from tasks.errors import CarillonError, InvalidOption
from tasks.extensions import db
from tasks.models import Delivery, Notification, Operator, Recipient, Template
from tasks.models.words import IN_APP, OPEN_STATES, OUTSIDE_CHANNELS
from tasks.preview.shown import finished
from tasks.trial import MOST, Trial, group, send_to_group, send_to_self

WATCHED = MOST * 4  # deliveries of a test send


class TrialPage(Page):
    """What the panel for test sends asks for."""

    role = "sender"

    @at("/")
    def index(self) -> ResponseReturnValue:
        """Where test sends of this operator go, and which channels are simulated."""
        own = _operator()
        count, problem = 0, ""
        try:
            count = len(group(own)) if own.test_group else 0
        except CarillonError as error:
            problem = str(error)
        simulated = [name for name in OUTSIDE_CHANNELS if provider_name(name, settings()) == "simulator"]
        return jsonify(
            email=own.test_email or own.email, phone=own.test_phone, group=own.test_group, count=count, problem=problem,
            simulated=simulated, profile=url_for("admin_profile.index", _anchor="test-sends"),
        )

    @at("/send/", methods=("POST",))
    def send(self) -> ResponseReturnValue:
        """Send it. The answer says what was written down for whom; `status` says what became of it."""
        try:
            trial, to_group = _read()
            send = send_to_group if to_group else send_to_self
            answers = send(trial, _operator(), request.form.get("token", "")[:80] or "none")
        except CarillonError as error:
            db.session.rollback()
            return jsonify(error=str(error), field=error.field.removeprefix("data.")), 422
        if not all(isinstance(one, Accepted) and one.replayed for one in answers):
            to = f"{len(answers)} of the test group" if to_group else "oneself"
            changes = {"to": [None, to], "channels": [None, ", ".join(trial.channels)]}
            audit.record("test", "template", trial.template.id, changes)
            db.session.commit()
        return jsonify(sent=_sent(answers), refused=[_refused(one) for one in answers if isinstance(one, Rejected)])

    @at("/status/")
    def status(self) -> ResponseReturnValue:
        """What became of the deliveries of a test send: `ids`, with commas between them."""
        ids = request.args.get("ids", "").split(",")[:WATCHED]
        pks = [pk for text in ids if (pk := public_id.decode(public_id.DELIVERY, text)) is not None]
        rows = db.session.execute(
            select(Delivery.pk, Delivery.state, Delivery.reason, Delivery.detail, Delivery.provider)
            .join(Notification, Delivery.notification_id == Notification.pk)
            .where(Delivery.pk.in_(pks), Notification.is_trial)
        )
        return jsonify({
            public_id.text(public_id.DELIVERY, row.pk): _state(row.state, row.reason, row.detail, row.provider)
            for row in rows
        })


def _operator() -> Operator:
    return db.session.get_one(Operator, current_user.operator_id)


def _read() -> tuple[Trial, bool]:
    """What is to be tried, and whether the group gets it. Raises CarillonError."""
    looked = LookedAt.read(request.form)
    is_draft = request.form.get("preview-source") == EDITOR
    known = select(Template).where(Template.slug == request.form.get("slug", ""))
    template = db.session.scalar(known) if is_draft else looked.draft.template
    if template is None:
        raise InvalidOption("A test send needs a saved template.", field="template", remedy="Save it first; it may be off.")
    if looked.faults:
        field, words = looked.faults[0]
        raise InvalidOption(words, field=field)
    channels = tuple(name for name in OUTSIDE_CHANNELS if name in request.form.getlist("test-channels"))
    subject = read_subject(request.form, looked)
    sources = finished(looked.sources, looked.email_format)
    return Trial(template, sources, looked.data, subject.fields, channels), request.form.get("test-to") == "group"


def _sent(answers: Sequence[Accepted | Rejected]) -> list[dict[str, Any]]:
    """A line for each delivery, by person."""
    names = _names([one.recipient_id for one in answers])
    return [
        {
            "id": str(kept.id), "person": names.get(one.recipient_id, one.recipient_id), "channel": channel_label(kept.channel),
            "url": url_for("admin_deliveries.details_view", id=public_id.decode(public_id.DELIVERY, kept.id)),
            **_state(kept.status, kept.reason, "", "socketio" if kept.channel == IN_APP else ""),
        }
        for one in answers if isinstance(one, Accepted) for kept in one.deliveries
    ]


def _names(ids: Sequence[str]) -> dict[str, str]:
    rows = db.session.execute(select(Recipient.external_id, Recipient.name).where(Recipient.external_id.in_(ids)))
    own = f"operator:{current_user.operator_id}"
    return {external_id: "You" if external_id == own else name or external_id for external_id, name in rows}


def _refused(answer: Rejected) -> dict[str, str]:
    return {"person": answer.recipient_id, "error": str(answer.error)}


def _state(state: str, reason: str, detail: str, provider: str) -> dict[str, Any]:
    words = " ".join(part for part in (reason_words(reason) if reason else "", detail) if part)
    simulated = provider == "simulator"
    return {"state": state, "label": state_label(state), "words": words, "open": state in OPEN_STATES, "simulated": simulated}
