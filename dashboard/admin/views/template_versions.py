"""The versions of a template: their history, two of them side by side, one brought back, a past message beside another."""

from typing import Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Select, select
from werkzeug.exceptions import NotFound

from dashboard import audit
from dashboard.admin.desk.trying import agreed, mark_of
from dashboard.admin.guard import at
from dashboard.admin.lists.listing import Listing
from tasks import payloads, templates, versions
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import Notification, Template, TemplateVersion
from tasks.render import Rendered, compiled
from tasks.rendering.limits import PARTS

PAGE = 50  # versions on one page
LABELS = {
    "title": "Title", "message": "Message", "sms_text": "SMS text", "email_subject": "E-mail subject",
    "email_html": "E-mail HTML part", "email_text": "E-mail text part", "email_format": "Format of the HTML part",
}


class VersionPages(Listing):
    """What the view of the templates has besides their forms: everything below /admin/templates/ that is about versions."""

    @at("/versions/")
    def versions_view(self) -> ResponseReturnValue:
        """The history; with a number, that version as it was written, for ever."""
        row = self.get_one(request.args.get("id", ""))
        if "number" in request.args:
            return self._version_page(row)
        query, before = versions_of(row).order_by(TemplateVersion.number.desc()), request.args.get("before", 0, type=int)
        found = list(db.session.scalars((query.where(TemplateVersion.number < before) if before else query).limit(PAGE + 1)))
        return str(self.render(
            "admin/templates/versions.html", row=row, versions=found[:PAGE], older=found[PAGE - 1].number if found[PAGE:] else 0,
            flying=versions.in_flight(row), return_url=self.get_url(".edit_view", id=row.id),
        ))

    def _version_page(self, row: Template) -> ResponseReturnValue:
        version = version_or_404(row, "number")
        return str(self.render(
            "admin/templates/version.html", row=row, version=version, variables=variables_of(version), labels=LABELS,
            flying=versions.in_flight(row).get(version.id, []), return_url=self.get_url(".versions_view", id=row.id),
        ))

    @at("/compare/")
    def compare_view(self) -> ResponseReturnValue:
        """What differs between two versions."""
        row = self.get_one(request.args.get("id", ""))
        in_use = row.current_version.number if row.current_version else 0
        old, new = version_or_404(row, "old", in_use), version_or_404(row, "new", in_use)
        texts = ({**templates.written(one), "email_format": one.email_format.upper()} for one in (old, new))
        return str(self.render(
            "admin/templates/compare.html", row=row, old=old, new=new, parts=versions.compare(*texts), labels=LABELS,
            return_url=self.get_url(".versions_view", id=row.id),
        ))

    @at("/restore/", methods=("POST",))
    def restore_view(self) -> ResponseReturnValue:
        """Bring a version back as the newest one. Where real sends would fail that work now, it asks first."""
        template_id, number = request.args.get("id", ""), request.form.get("number", 0, type=int)
        version = versions.find(self.get_one(template_id), number)
        if version is None:
            raise NotFound("There is no such version.")
        mark = mark_of(version.template_id, {"restore": str(number)})
        if not agreed(request.form.get("agreed"), mark):
            draft = compiled(version)
            db.session.rollback()  # nothing is held open while the texts are written
            report = payloads.tried(int(template_id), draft)
            if report.broken:
                row = self.get_one(template_id)
                page = self.render(
                    "admin/templates/restore.html", row=row, version=versions.find(row, number), report=report, mark=mark,
                    based_on=request.form.get("based_on", ""), return_url=self.get_url(".versions_view", id=row.id),
                )
                return str(page), 409
        return self._restored(self.get_one(template_id), number)

    def _restored(self, row: Template, number: int) -> ResponseReturnValue:
        before, version = row.current_version.number if row.current_version else None, versions.find(row, number)
        back = redirect(self.get_url(".versions_view", id=row.id))
        if request.form.get("based_on") != str(before or ""):
            who = (row.current_version.created_by if row.current_version else "") or "Somebody"
            flash(f"{who} saved version {before} meanwhile. Nothing was brought back: look at it first.", "warning")
            return back
        assert version is not None
        after = versions.restore(row, version, current_user.email)
        if after.number == before:
            flash(f"Version {before} has the same texts already. Nothing changed.", "message")
        else:
            audit.record("restore", "template", row.id, {"version": [before, after.number], "texts_of": [None, number]})
            flash(f"Brought back version {number} as version {after.number}.", "success")
        db.session.commit()
        return back

    @at("/message/")
    def message_view(self) -> ResponseReturnValue:
        """A message that was sent, written anew from the version it was made from, beside another version."""
        message = db.session.get(Notification, request.args.get("id", 0, type=int))
        if message is None:
            raise NotFound("There is no such message.")
        row, pinned = message.template, message.template_version
        other = version_or_404(row, "number") if "number" in request.args else row.current_version or pinned
        then, now = _written(message, pinned), _written(message, other)
        both = isinstance(then, Rendered) and isinstance(now, Rendered)
        parts = versions.compare(_texts(then), _texts(now)) if both else {}
        return str(self.render(
            "admin/templates/message.html", row=row, message=message, pinned=pinned, other=other, labels=LABELS, parts=parts,
            then=then, now=now, failed=[str(one) for one in (then, now) if isinstance(one, CarillonError)],
            numbers=list(db.session.scalars(versions_of(row).with_only_columns(TemplateVersion.number)
                                            .order_by(TemplateVersion.number.desc()).limit(PAGE))),
            return_url=self.get_url("admin_notifications.details_view", id=message.pk),
        ))


def versions_of(row: Template) -> Select[TemplateVersion]:
    """Every version of a template that an editor knows: below 0 are the texts of test sends (tasks.trial)."""
    return select(TemplateVersion).where(TemplateVersion.template_id == row.id, TemplateVersion.number > 0)


def variables_of(version: TemplateVersion) -> list[str]:
    """What a send must give for it."""
    try:
        return templates.variables(version)
    except CarillonError:  # a version of a time when more was allowed
        return []


def version_or_404(row: Template, name: str, otherwise: int = 0) -> TemplateVersion:
    """The version whose number the address gives under `name`, else the one numbered `otherwise`. Raises NotFound."""
    version = versions.find(row, request.args.get(name, otherwise, type=int))
    if version is None:
        raise NotFound("There is no such version.")
    return version


def _written(message: Notification, version: TemplateVersion) -> Rendered | CarillonError:
    """With what was read of the person when it was sent; another version, that reads more, also gets what is known now."""
    fields = message.recipient_fields or {}
    if version.id != message.template_version_id:
        fields = payloads.person_of(message.user, fields)
    try:
        return payloads.written(compiled(version), message.data, fields, PARTS)
    except CarillonError as error:
        return error


def _texts(rendered: Any) -> dict[str, str]:
    return {name: getattr(rendered, name) for name in PARTS}
