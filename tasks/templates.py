"""Templates as operators keep them: made once, changed by immutable versions, checked whole before anything is written."""

import re
from collections.abc import Mapping

from sqlalchemy import func, select, update

from tasks.drafts import Look, Problem, draft, look, preview, refuse_problems, validate, variables
from tasks.errors import InvalidTemplate
from tasks.extensions import db
from tasks.models import Template, TemplateVersion
from tasks.models.types import utcnow
from tasks.rendering.limits import EMAIL_HTML, PARTS
from tasks.rendering.mail.made import HTML, made

__all__ = [
    "Look", "Problem", "check_slug", "check_type", "create", "draft", "look", "preview", "same", "save_version", "validate",
    "variables", "written",
]

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
TYPE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
MAX_NAME = 200


def create(
    slug: str, name: str, notification_type: str, *, title: str, message: str, sms_text: str = "", email_subject: str = "",
    email_html: str = "", email_text: str = "", email_format: str = HTML, description: str = "", is_active: bool = True,
    actor: str = "",
) -> Template:
    """A new template with its first version, added to the session and flushed; the caller commits.

    Raises InvalidTemplate with the field that is malformed, taken, empty or refused by the sandbox.
    """
    check_slug(slug)
    check_type(notification_type)
    if not name.strip() or len(name) > MAX_NAME:
        raise _wrong("name", "The name is empty or too long.", f"Write a name of at most {MAX_NAME} characters.")
    parts = _parts(title, message, sms_text, email_subject, email_html, email_text)
    refuse_problems(parts, email_format)
    if db.session.scalar(select(Template.id).where(Template.slug == slug)) is not None:
        raise _wrong("slug", f"The slug {slug!r} is taken.", "Choose another one.")
    template = Template(
        slug=slug, name=name.strip(), description=description, notification_type=notification_type, is_active=is_active
    )
    db.session.add(template)
    db.session.flush()
    _add_version(template, parts, email_format, actor)
    return template


def save_version(
    template: Template, *, title: str, message: str, sms_text: str = "", email_subject: str = "", email_html: str = "",
    email_text: str = "", email_format: str = HTML, actor: str,
) -> TemplateVersion:
    """Make these texts the template's current version; the one there is, where nothing changed. The caller commits.

    `email_format`: what `email_html` is written in, html or mjml.

    Raises InvalidTemplate with the part as `field`, and `line` and `column` in `extra`.
    """
    check_type(template.notification_type)
    parts = _parts(title, message, sms_text, email_subject, email_html, email_text)
    refuse_problems(parts, email_format)
    db.session.flush()
    # Taking the row's lock first: two operators who save at once get two numbers, one after the other.
    db.session.execute(
        update(Template).where(Template.id == template.id).values(updated_at=utcnow()),
        execution_options={"synchronize_session": False},
    )
    db.session.refresh(template)
    current = template.current_version
    if current and current.notification_type == template.notification_type and same(current, parts, email_format):
        return current
    return _add_version(template, parts, email_format, actor)


def same(version: TemplateVersion, parts: Mapping[str, str], email_format: str = HTML) -> bool:
    """True where saving these texts would change nothing: line ends of browsers are no change."""
    given = _parts(*(parts.get(name) or "" for name in PARTS))
    return given == written(version) and version.email_format == email_format


def written(version: TemplateVersion) -> dict[str, str]:
    """The texts of a version as they were written: what an editor shows, and what saving them again takes."""
    return {name: version.written_html if name == EMAIL_HTML else getattr(version, name) for name in PARTS}


def check_slug(slug: str) -> None:
    """Raises InvalidTemplate unless the slug is 1 to 64 small letters, digits, _ and -, starting with a letter or digit."""
    if not SLUG.fullmatch(slug):
        remedy = "Use 1 to 64 small letters, digits, _ and -, starting with a letter or a digit."
        raise _wrong("slug", f"{slug[:80]!r} cannot be a slug.", remedy)


def check_type(notification_type: str) -> None:
    """Raises InvalidTemplate unless it reads like a notification type: as a slug, and points are allowed."""
    if not TYPE.fullmatch(notification_type):
        remedy = "Use 1 to 64 small letters, digits, _, - and points, like payment_success."
        raise _wrong("notification_type", f"{notification_type[:80]!r} cannot be a notification type.", remedy)


def _wrong(field: str, detail: str, remedy: str) -> InvalidTemplate:
    return InvalidTemplate(detail, field=field, remedy=remedy, line=1, column=1)


def _parts(*texts: str) -> dict[str, str]:
    # Browsers send form text with CRLF; the same text from a file has LF. It is not a change.
    return {name: (text or "").replace("\r\n", "\n") for name, text in zip(PARTS, texts, strict=True)}


def _add_version(template: Template, parts: Mapping[str, str], email_format: str, actor: str) -> TemplateVersion:
    last = db.session.scalar(select(func.max(TemplateVersion.number)).where(TemplateVersion.template_id == template.id))
    source = parts[EMAIL_HTML]
    html = made(source, email_format).html
    version = TemplateVersion(
        template_id=template.id, number=(last or 0) + 1, notification_type=template.notification_type, created_by=actor,
        **{**parts, EMAIL_HTML: html}, email_format=email_format, email_source="" if html == source else source,
    )
    db.session.add(version)
    db.session.flush()
    template.current_version = version
    db.session.flush()
    return version
