"""Templates: what is sent. Saving never changes a version; it makes the next one."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import g, jsonify, request
from flask.typing import ResponseReturnValue
from flask_admin.helpers import get_form_data
from flask_login import current_user
from sqlalchemy import select

from dashboard.admin.desk.trying import agreed, mark_of, no_longer
from dashboard.admin.forms.fields import Form, HiddenField, choice, code, line, place, text, yes_no
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.views.template_versions import VersionPages, variables_of, versions_of
from tasks import payloads, templates, versions
from tasks.errors import InvalidTemplate, WrongState
from tasks.extensions import db
from tasks.models import Template, TemplateVersion
from tasks.rendering.limits import PARTS

LATEST = 5  # versions beside the form
FORMATS = (("html", "HTML"), ("mjml", "MJML"))


class TemplateForm(Form):
    """A template and the text of its next version."""

    name = line("Name", required=True, hint="What you and your colleagues call it.")
    slug = line("Slug", required=True, css="input--code", hint="How programs call it: small letters, digits, _ and -. It stays.")
    notification_type = line(
        "Notification type", required=True, css="input--code", list="known-types",
        hint="Rules, opt-outs and statistics go by type. Several templates may share one.",
    )
    description = text("Description", rows=2, hint="For colleagues; nobody else sees it.")
    is_active = yes_no("Active", default=True, hint="A template that is off is refused when someone sends with it.")
    title = line("Title", required=True, longest=2000, hint="In-app and push; also the e-mail's subject where that is empty.")
    message = text("Message", required=True, rows=3, hint="In-app and push; also SMS and e-mail where those are empty.")
    sms_text = text("Text", rows=2, hint="Empty: the message.")
    email_subject = line("Subject", longest=2000, hint="Empty: the title.")
    email_format = choice(
        "The HTML part is written in", FORMATS, hint="MJML becomes HTML for every mail program when you save.", default="html"
    )
    email_html = code("HTML part", rows=8, hint="Empty: a plain frame around the message. A style block goes into its elements.")
    email_text = code("Text part", rows=4, hint="Empty: the message.")
    based_on = HiddenField()
    confirmed = HiddenField()


class Templates(VersionPages):
    """The list of templates, their editor and their versions."""

    word = "template"
    intro = "What is sent. Each edit makes a new version; messages keep the version they were made from."
    empty = (
        "Write the first template",
        "A template is a message with gaps: “Payment received - {{ amount }}”. Programs and broadcasts fill the gaps.",
    )
    can_create = can_edit = True
    form = TemplateForm
    create_template = edit_template = "admin/templates/form.html"
    audited = ("slug", "name", "description", "notification_type", "is_active")
    column_list = ("name", "notification_type", "current_version", "is_active", "updated_at")
    column_labels = {"notification_type": "Type", "current_version": "Version", "is_active": "State", "updated_at": "Changed"}
    column_formatters = {
        "name": cell("template_name"), "notification_type": cell("template_type"), "current_version": cell("template_version"),
        "is_active": cell("active"), "updated_at": cell("updated"),
    }
    column_sortable_list = ("name", "notification_type", "updated_at")
    search_hint = "Name, slug or type"
    column_searchable_list = ("slug", "name", "notification_type")
    column_default_sort = "name"

    def need(self, method: str) -> str:
        """Trying a draft is part of editing, bringing a version back is an edit."""
        return self.edit_role if method in {"check_view", "try_view", "restore_view"} else super().need(method)

    def edit_form(self, obj: Template | None = None) -> TemplateForm:
        """The form, with the text of the current version."""
        version = obj.current_version if obj else None
        parts = {**templates.written(version), "email_format": version.email_format} if version else {}
        return TemplateForm(get_form_data(), obj=obj, **parts, based_on=str(version.number) if version else "")

    def state(self, row: Template) -> dict[str, Any]:
        """The template's own fields and the number of its version: the texts are kept with the versions."""
        return {**super().state(row), "version": row.current_version.number if row.current_version else None}

    def beside(self, row: Template | None) -> Mapping[str, Any]:
        """What the editor shows beside the form."""
        if row is None:
            return {"versions": [], "variables": [], "known_types": known_types(), "flying": {}, "report": None}
        latest = versions_of(row).order_by(TemplateVersion.number.desc()).limit(LATEST)
        return {
            "versions": list(db.session.scalars(latest)), "known_types": known_types(), "flying": versions.in_flight(row),
            "variables": variables_of(row.current_version) if row.current_version else [], "report": g.get("template_report"),
        }

    def write(self, form: Any, row: Template | None) -> Template:
        """Create the template, or save its next version."""
        parts, email_format = texts(form), form.email_format.data
        _mark_all(form, parts, email_format)
        about: dict[str, Any] = {name: getattr(form, name).data or "" for name in ("name", "description", "notification_type")}
        if row is None:
            return templates.create(
                form.slug.data, **about, **parts, email_format=email_format, is_active=form.is_active.data,
                actor=current_user.email,
            )
        _try(form, row, parts, email_format)
        _refuse_overtaken(form, row)
        for name, value in about.items():
            setattr(row, name, value)
        row.is_active = form.is_active.data
        templates.save_version(row, **parts, email_format=email_format, actor=current_user.email)
        return row

    def saved(self, row: Template, created: bool) -> str:
        """Which version it is now."""
        said = f"Saved {row.slug} as version {row.current_version.number}." if row.current_version else f"Saved {row.slug}."
        report: payloads.Report | None = g.get("template_report")
        return f"{said} {tried_words(report)}" if report and report.tried else said

    def after_save(self, row: Template) -> str:
        """Stay with the template."""
        return str(self.get_url(".edit_view", id=row.id))

    @at("/check/", methods=("POST",))
    def check_view(self) -> ResponseReturnValue:
        """What the texts of a draft ask for and what is wrong with them, as JSON, while somebody types."""
        given = request.get_json()
        parts = {name: str(given.get(name) or "") for name in PARTS}
        return jsonify(asdict(templates.look(parts, str(given.get("email_format") or "html"))))

    @at("/try/", methods=("POST",))
    def try_view(self) -> ResponseReturnValue:
        """A draft, tried with the last real sends; nothing is saved."""
        row, form = self.get_one(request.args.get("id", "")), TemplateForm(get_form_data())
        problem, report, template_id = "", None, row.id
        try:
            draft = templates.draft(texts(form), form.email_format.data)
            db.session.rollback()  # nothing is held open while the texts are written
            report = payloads.tried(template_id, draft)
        except InvalidTemplate as error:
            problem = str(error)
        row = self.get_one(str(template_id))
        back = self.get_url(".edit_view", id=row.id)
        return str(self.render("admin/templates/tried.html", row=row, report=report, problem=problem, return_url=back))


def known_types() -> list[str]:
    """The types that templates carry, to choose from."""
    return list(db.session.scalars(select(Template.notification_type).distinct().order_by(Template.notification_type)))


def texts(form: Any) -> dict[str, Any]:
    """The texts of the form, part by part, with line ends as programs write them."""
    return {name: (getattr(form, name).data or "").replace("\r\n", "\n") for name in PARTS}


def tried_words(report: payloads.Report) -> str:
    """One sentence about a draft tried with real sends."""
    sends = f"the last {report.tried:,} sends" if report.tried > 1 else "the last send"
    if not report.failing:
        return f"Tried with {sends}: {'all of them work' if report.tried > 1 else 'it works'}."
    return f"Of {sends}, {report.failing:,} would now fail."


def _mark_all(form: Any, parts: Mapping[str, str], email_format: str) -> None:
    """Put what is wrong with each part beside it; the first one is raised."""
    found = [
        InvalidTemplate(one.message, field=one.part, remedy=one.remedy, line=one.line, column=one.column)
        for one in templates.validate(parts, email_format)
    ]
    for error in found[1:]:
        place(form, error)
    if found:
        raise found[0]


def _try(form: Any, row: Template, parts: Mapping[str, str], email_format: str) -> None:
    """Stop the first press where real sends would fail that work now; the second press on the same texts goes through."""
    if row.current_version and templates.same(row.current_version, parts, email_format):
        return
    template_id, draft = row.id, templates.draft(parts, email_format)
    db.session.rollback()  # nothing is held open while the texts are written
    g.template_report = report = payloads.tried(template_id, draft)
    mark = mark_of(template_id, {**parts, "email_format": email_format})
    if report.broken and not agreed(form.confirmed.data, mark):
        form.confirmed.raw_data, form.confirmed.data = [mark], mark
        raise no_longer(report)


def _refuse_overtaken(form: Any, row: Template) -> None:
    """Two people at one template: the second hears of the first before anything is laid over their work."""
    current = str(row.current_version.number) if row.current_version else ""
    if form.based_on.data == current:
        return
    known, form.based_on.raw_data, form.based_on.data = form.based_on.data, [current], current
    author = row.current_version.created_by if row.current_version else ""
    raise WrongState(
        f"While you were editing version {known}, {author or 'somebody'} saved version {current}.", field="title",
        remedy="Look at it under Versions; saving again puts your text above it.",
    )
