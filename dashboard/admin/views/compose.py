"""New broadcast: fill in, look at it, send. What is sent is exactly what was looked at, and only once."""

import uuid
from datetime import timedelta
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from dashboard import audit
from dashboard.admin.display.story import too_late
from dashboard.admin.display.times import zone_names
from dashboard.admin.forms.draft import Draft
from dashboard.admin.guard import Page, at
from tasks import templates, timetable
from tasks.audience import segments
from tasks.channels import provider_name
from tasks.config import settings
from tasks.errors import CarillonError, IdempotencyConflict, InactiveTemplate
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Recipient, Rule, Segment, Template
from tasks.models.types import utcnow
from tasks.models.words import CANCELLED, CHANNELS, IN_APP, OUTSIDE_CHANNELS
from tasks.options import SendOptions
from tasks.plan import BROADCAST_EXPIRES_AFTER
from tasks.render import compiled
from tasks.rendering.limits import PARTS
from tasks.send import start_broadcast

MOST = 500  # templates and segments offered
TWIN, TWINS = 24 * 3600, 200  # seconds and broadcasts back in which the same one is looked for


class Compose(Page):
    """The three steps of a broadcast."""

    role = "sender"

    @at("/", methods=("GET", "POST"))
    def index(self) -> ResponseReturnValue:
        """The form. A POST comes back from the review with everything kept, or after another template was chosen."""
        draft = Draft.read(request.form if request.method == "POST" else request.args)
        return self._form(draft)

    @at("/count/")
    def count(self) -> ResponseReturnValue:
        """How many people an audience means now, as JSON."""
        draft = Draft.read(request.args)
        try:
            return jsonify(count=segments.count(draft.target, _type(draft.template)))
        except CarillonError as error:
            return jsonify(error=str(error))

    @at("/review/", methods=("POST",))
    def review(self) -> ResponseReturnValue:
        """Everything checked and shown as one real recipient would get it."""
        draft = Draft.read(request.form)
        shown = self._check(draft)
        if shown is None:
            return self._form(draft), 422
        return str(self.render("admin/compose/review.html", draft=draft, token=uuid.uuid4().hex, **shown))

    @at("/send/", methods=("POST",))
    def send(self) -> ResponseReturnValue:
        """Start it. The review's token makes a second press find the first one's broadcast."""
        draft = Draft.read(request.form)
        shown = self._check(draft)
        if shown is None:
            return self._form(draft), 422
        token = request.form.get("token") or None
        try:
            options = draft.options(idempotency_key=token, idempotency_scope="compose", actor=current_user.email)
            row = start_broadcast(draft.target, draft.slug, draft.data(), options)
        except IdempotencyConflict:
            flash("This broadcast was started already.", "warning")
            return redirect(url_for("admin_broadcasts.index_view"))
        except CarillonError as error:
            draft.mark(error)
            return self._form(draft), 422
        if _note_start(row.pk, draft, str(row)):
            flash("Scheduled." if options.send_at else "Started.", "success")
        else:  # of two who press one starts it
            flash(too_late(row.pk, current_user.email, "start"), "warning")
        return redirect(url_for("admin_broadcasts.details_view", id=row.pk))

    def _form(self, draft: Draft) -> str:
        known = list(db.session.scalars(select(Template).where(Template.is_active).order_by(Template.name).limit(MOST)))
        saved = list(db.session.scalars(select(Segment).order_by(Segment.name).limit(MOST)))
        return str(self.render(
            "admin/compose/form.html", draft=draft, templates=known, segments=saved, names=draft.names(),
            rings=_rings(draft), outside=OUTSIDE_CHANNELS, zones=zone_names(),
        ))

    def _check(self, draft: Draft) -> dict[str, Any] | None:
        """What the review shows; None with the draft's errors set where something is wrong, all of them at once."""
        for piece in (draft.checked_template, draft.data, draft.checked_target, draft.asked, draft.per_minute, draft.lasts):
            try:
                piece()
            except CarillonError as error:
                draft.mark(error)
        if draft.errors:
            return None
        try:
            template = draft.checked_template()
            if not template.is_active:
                raise InactiveTemplate("This template is off.", field="template", remedy="Switch it on, or choose another one.")
            options, data = draft.options(), draft.data()
            _check_times(options, template)
            audience = segments.resolve_audience(draft.checked_target(), template.notification_type)
            count = segments.count(draft.target, template.notification_type)
            compiled(template.current_version).rehearse(data, PARTS)  # type: ignore[arg-type]
        except CarillonError as error:
            draft.mark(error)
            return None
        return {
            "message": template, "data": data, "label": audience.label, "count": count, "rings": _rings(draft),
            "options": options, "twins": _twins(template, draft.target, data), **_sample(template, data, audience),
        }


def _type(template: Template | None) -> str:
    return template.notification_type if template else ""


def _check_times(options: SendOptions, template: Template) -> None:
    """Raise InvalidOption for what `create` would refuse: a year away, or over before its window opens."""
    rule, now = _rule(template), utcnow()
    lasts = options.expires_in or (rule and rule.expires_after) or BROADCAST_EXPIRES_AFTER
    timetable.refuse(timetable.columns(options, lasts, now), now)


def _rule(template: Template | None) -> Rule | None:
    return db.session.scalar(select(Rule).where(Rule.notification_type == _type(template)))


def _rings(draft: Draft) -> list[tuple[str, bool]]:
    """The channels that will ring, and whether the simulator serves them."""
    if draft.channels:
        wanted = set(draft.channels)
    else:
        rule = _rule(draft.template)
        wanted = set(rule.channels) if rule else set()
    return [(name, provider_name(name, settings()) == "simulator") for name in CHANNELS if name == IN_APP or name in wanted]


def _sample(template: Template, data: dict[str, Any], audience: segments.Audience) -> dict[str, Any]:
    """The message as the first of the audience gets it; why not, where it fails for them."""
    person = db.session.scalar(select(Recipient).where(audience.where()).order_by(Recipient.id).limit(1))
    if person is None:
        return {"sample": None, "preview": None, "failure": ""}
    try:
        preview = templates.preview(template.current_version, data, _fields(person))  # type: ignore[arg-type]
    except CarillonError as error:
        return {"sample": person, "preview": None, "failure": str(error)}
    return {"sample": person, "preview": preview, "failure": ""}


def _fields(person: Recipient) -> dict[str, Any]:
    names = ("name", "email", "phone", "locale", "timezone", "country", "attributes")
    return {"id": person.external_id, **{name: getattr(person, name) for name in names}}


def _twins(template: Template, audience: str, data: dict[str, Any]) -> list[Broadcast]:
    """Broadcasts of late with the same text, for the same audience: somebody may be about to send it twice."""
    since = utcnow() - timedelta(seconds=TWIN)
    latest = select(Broadcast).where(Broadcast.created_at >= since).order_by(Broadcast.pk.desc()).limit(TWINS)
    return [
        row for row in db.session.scalars(latest)
        if row.template_version_id == template.current_version_id and row.audience == audience and row.data == data
        and row.state != CANCELLED
    ]


def _note_start(pk: int, draft: Draft, name: str) -> bool:
    """Write who started it into the audit. False where that stands there already: the first press did it."""
    known = select(AuditEntry.id).where(
        AuditEntry.object_type == "broadcast", AuditEntry.object_id == str(pk), AuditEntry.action == "start"
    )
    if db.session.scalar(known) is not None:
        return False
    audit.record("start", "broadcast", pk, {"broadcast": [None, name], "audience": [None, draft.target]})
    db.session.commit()
    return True
