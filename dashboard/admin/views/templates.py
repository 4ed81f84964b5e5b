"""Templates: what is sent. Saving never changes a version; it makes the next one."""

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_admin.helpers import get_form_data
from flask_login import current_user
from sqlalchemy import Select, select
from werkzeug.exceptions import NotFound

from dashboard.admin.forms.fields import Form, HiddenField, code, line, text, yes_no
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.listing import Listing
from tasks import templates
from tasks.errors import CarillonError, WrongState
from tasks.extensions import db
from tasks.models import Template, TemplateVersion
from tasks.rendering.limits import PARTS

LATEST = 20  # versions beside the form


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
    email_html = code("HTML part", rows=8, hint="Empty: a plain frame around the message.")
    email_text = code("Text part", rows=4, hint="Empty: the message.")
    based_on = HiddenField()


class Templates(Listing):
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

    def edit_form(self, obj: Template | None = None) -> TemplateForm:
        """The form, with the text of the current version."""
        version = obj.current_version if obj else None
        parts = {name: getattr(version, name) for name in PARTS} if version else {}
        return TemplateForm(get_form_data(), obj=obj, **parts, based_on=str(version.number) if version else "")

    def state(self, row: Template) -> dict[str, Any]:
        """The template's own fields and the number of its version: the texts are kept with the versions."""
        return {**super().state(row), "version": row.current_version.number if row.current_version else None}

    def beside(self, row: Template | None) -> Mapping[str, Any]:
        """What the editor shows beside the form."""
        if row is None:
            return {"versions": [], "variables": [], "known_types": known_types()}
        versions = _versions(row).order_by(TemplateVersion.number.desc()).limit(LATEST)
        return {
            "versions": list(db.session.scalars(versions)), "known_types": known_types(),
            "variables": _variables(row.current_version) if row.current_version else [],
        }

    def write(self, form: Any, row: Template | None) -> Template:
        """Create the template, or save its next version."""
        parts = {name: getattr(form, name).data or "" for name in PARTS}
        about = {name: getattr(form, name).data or "" for name in ("name", "description", "notification_type")}
        if row is None:
            return templates.create(form.slug.data, **about, **parts, is_active=form.is_active.data, actor=current_user.email)
        _refuse_overtaken(form, row)
        for name, value in about.items():
            setattr(row, name, value)
        row.is_active = form.is_active.data
        templates.save_version(row, **parts, actor=current_user.email)
        return row

    def saved(self, row: Template, created: bool) -> str:
        """Which version it is now."""
        return f"Saved {row.slug} as version {row.current_version.number}." if row.current_version else f"Saved {row.slug}."

    def after_save(self, row: Template) -> str:
        """Stay with the template."""
        return str(self.get_url(".edit_view", id=row.id))

    @at("/versions/")
    def versions_view(self) -> ResponseReturnValue:
        """One version as it was written, for ever."""
        row = self.get_one(request.args.get("id", ""))
        number = request.args.get("number", 0, type=int)
        version = db.session.scalar(_versions(row).where(TemplateVersion.number == number))
        if version is None:
            raise NotFound("There is no such version.")
        return str(self.render(
            "admin/templates/version.html", row=row, version=version, variables=_variables(version),
            return_url=self.get_url(".edit_view", id=row.id),
        ))


def known_types() -> list[str]:
    """The types that templates carry, to choose from."""
    return list(db.session.scalars(select(Template.notification_type).distinct().order_by(Template.notification_type)))


def _versions(row: Template) -> Select[TemplateVersion]:
    return select(TemplateVersion).where(TemplateVersion.template_id == row.id)


def _variables(version: TemplateVersion) -> list[str]:
    try:
        return templates.variables(version)
    except CarillonError:  # a version of a time when more was allowed
        return []


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
