"""New broadcast: fill in, look at it, send. What is sent is exactly what was looked at, and only once."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from dashboard import audit
from dashboard.admin.composing import look, upload
from dashboard.admin.display.caught import begun
from dashboard.admin.display.story import too_late
from dashboard.admin.display.times import zone_names
from dashboard.admin.forms.draft import SAFETY, UPLOAD, Draft
from dashboard.admin.forms.safety import SafetyChoice
from dashboard.admin.guard import Page, at
from dashboard.admin.lists import csv_export
from tasks.audience import listed, segments
from tasks.config import settings
from tasks.errors import CarillonError, IdempotencyConflict
from tasks.extensions import db
from tasks.forecast.people import named
from tasks.forecast.refusals import PlanMoved, UnknownPlan
from tasks.models import AuditEntry, Broadcast, Rule, Segment, SendPlan, Template
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.send import start_broadcast

MOST = 500  # templates and segments offered


class Compose(Page):
    """The three steps of a broadcast."""

    role = "sender"

    @at("/", methods=("GET", "POST"))
    def index(self) -> ResponseReturnValue:
        """The form. A POST comes back from the review with everything kept, or after another template was chosen."""
        request.max_content_length = upload.LARGEST
        draft = Draft.read(request.form if request.method == "POST" else request.args)
        draft.fields.kinds.clear()  # another template: its variables are asked as its own past says
        return self._form(draft)

    @at("/count/")
    def count(self) -> ResponseReturnValue:
        """How many people an audience means now, as JSON."""
        draft = Draft.read(request.args)
        template = draft.template
        try:
            return jsonify(count=segments.count(draft.checked_target(), template.notification_type if template else ""))
        except CarillonError as error:
            return jsonify(error=str(error))

    @at("/people/")
    def people(self) -> ResponseReturnValue:
        """Exactly the people of a plan, as CSV. That somebody took them is in the audit."""
        plan = db.session.scalar(select(SendPlan.id).where(SendPlan.hash == request.args.get("plan", "")))
        if plan is None:
            raise UnknownPlan("No dry run has found this, or it was long ago.", field="plan", remedy="Look at it again.")
        audit.record("export", "plan", plan, {"rows": [None, "people"]})
        db.session.commit()
        return csv_export.answer("people.csv", ("id", "name"), named(plan))

    @at("/review/", methods=("POST",))
    def review(self) -> ResponseReturnValue:
        """The dry run: exactly who gets it and who does not, what it costs, how long it takes, and one person's message."""
        request.max_content_length = upload.LARGEST
        draft = Draft.read(request.form)
        checked = upload.take(draft, without_bad=request.form.get("without_bad") == "1")
        if draft.errors or (checked and checked.bad and draft.audience == UPLOAD):
            look.check(draft)  # what else is wrong is said at once
            draft.errors.pop(upload.FIELD if checked else "", None)
            return self._form(draft, checked), 422
        if draft.own.is_used and not self._saved(draft):
            return self._form(draft), 422
        return self._review(draft)

    @at("/send/", methods=("POST",))
    def send(self) -> ResponseReturnValue:
        """Start what the review showed. Its token makes a second press find the first one's broadcast."""
        draft = Draft.read(request.form)
        token, plan_hash = request.form.get("token") or None, request.form.get("plan_hash") or ""
        safety = SafetyChoice.read(request.form)
        try:
            draft.checked_template()
            safety.check(_planned(plan_hash))
            options = draft.options(
                idempotency_key=token, idempotency_scope="compose", actor=current_user.email, plan_hash=plan_hash
            )
            row = start_broadcast(draft.checked_target(), draft.checked_template().slug, draft.data(), safety.options(options))
        except IdempotencyConflict:
            flash("This broadcast was started already.", "warning")
            return redirect(url_for("admin_broadcasts.index_view"))
        except (PlanMoved, UnknownPlan) as error:
            return self._review(draft, moved=error)
        except CarillonError as error:
            return self._refused(draft, error)
        if _note_start(row.pk, draft, str(row)):
            flash(begun(row), "success")
        else:  # of two who press one starts it
            flash(too_late(row.pk, current_user.email, "start"), "warning")
        return redirect(url_for("admin_broadcasts.details_view", id=row.pk))

    def _refused(self, draft: Draft, error: CarillonError) -> ResponseReturnValue:
        """Back to where it can be mended: the review's own fields there, everything else in the form."""
        draft.mark(error)
        return self._review(draft) if draft.errors.keys() <= set(SAFETY) else (self._form(draft), 422)

    def _review(self, draft: Draft, moved: CarillonError | None = None) -> ResponseReturnValue:
        kept = dict(draft.errors)
        draft.errors.clear()
        shown = look.shown(draft)
        if shown is None:
            return self._form(draft), 422
        draft.errors.update(kept)
        page = self.render(
            "admin/compose/review.html", draft=draft, token=uuid.uuid4().hex, moved=_difference(moved), **shown
        )
        return str(page), 409 if moved else 422 if kept else 200

    def _saved(self, draft: Draft) -> bool:
        """Make the text that was written on the spot a template; False where it cannot be one, marked."""
        try:
            draft.own.save(current_user.email)
        except CarillonError as error:
            db.session.rollback()
            draft.mark(error)
            look.check(draft)  # what else is wrong is said at once
            draft.errors.pop("template", None)
            return False
        return True

    def _form(self, draft: Draft, checked: listed.Checked | None = None) -> str:
        known = list(db.session.scalars(select(Template).where(Template.is_active).order_by(Template.name).limit(MOST)))
        saved = list(db.session.scalars(select(Segment).order_by(Segment.name).limit(MOST)))
        types = set(db.session.scalars(select(Rule.notification_type).limit(MOST))) | {one.notification_type for one in known}
        return str(self.render(
            "admin/compose/form.html", draft=draft, templates=known, segments=saved, variables=draft.variables(),
            rings=look.rings(draft), outside=OUTSIDE_CHANNELS, zones=zone_names(), checked=checked, types=sorted(types),
            most_rows=listed.MOST_ROWS, has_source=bool(settings().user_source_url),
        ))


def _planned(plan_hash: str) -> int | None:
    """How many people a plan is for."""
    return db.session.scalar(select(SendPlan.audience_count).where(SendPlan.hash == plan_hash))


def _difference(moved: CarillonError | None) -> Mapping[str, Any] | None:
    """What moved between two looks, for the page; None: nothing, or this is the first look."""
    if moved is None:
        return None
    return {"detail": moved.detail, "content": moved.extra.get("content", []), "audience": moved.extra.get("audience")}


def _note_start(pk: int, draft: Draft, name: str) -> bool:
    """Write who started it into the audit. False where that stands there already: the first press did it."""
    known = select(AuditEntry.id).where(
        AuditEntry.object_type == "broadcast", AuditEntry.object_id == str(pk), AuditEntry.action == "start"
    )
    if db.session.scalar(known) is not None:
        return False
    plan = db.session.get_one(Broadcast, pk).plan_hash
    audit.record("start", "broadcast", pk, {
        "broadcast": [None, name], "audience": [None, draft.target], "plan": [None, plan],
    })
    db.session.commit()
    return True
