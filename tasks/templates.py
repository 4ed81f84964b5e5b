"""Templates as operators keep them: made once, changed by immutable versions, checked whole before anything is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from tasks.errors import InvalidTemplate
from tasks.extensions import db
from tasks.models import Template, TemplateVersion
from tasks.models.types import utcnow
from tasks.render import CompiledVersion, Rendered, compiled
from tasks.rendering.limits import EMAIL_HTML, MESSAGE, PARTS, TITLE
from tasks.rendering.mail.made import HTML, made
from tasks.rendering.part import Part

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
TYPE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one part. Line and column start at 1."""

    part: str
    line: int
    column: int
    message: str
    remedy: str


def validate(parts: Mapping[str, str], email_format: str = HTML) -> list[Problem]:
    """Everything wrong with these parts (names as in TemplateVersion): the first problem of each. Empty: they can be saved."""
    problems = [
        Problem(name, 1, 1, f"{name} is empty.", "Write what people shall read.")
        for name in (TITLE, MESSAGE)
        if not (parts.get(name) or "").strip()
    ]
    for name in PARTS:
        try:
            Part(name, parts.get(name) or "")
            if name == EMAIL_HTML:
                Part(name, made(parts.get(name) or "", email_format).html)
        except InvalidTemplate as error:
            problems.append(Problem(name, error.extra["line"], error.extra["column"], error.detail, error.remedy))
    return problems


def draft(parts: Mapping[str, str], email_format: str = HTML) -> CompiledVersion:
    """Unsaved texts, compiled as if they had been saved. Raises InvalidTemplate with the first problem."""
    _refuse_problems(parts, email_format)
    return CompiledVersion({**parts, EMAIL_HTML: made(parts.get(EMAIL_HTML) or "", email_format).html})


def variables(version: TemplateVersion) -> list[str]:
    """The names that a send must give, without `recipient`, in alphabetical order. Raises InvalidTemplate."""
    return sorted(compiled(version).variables)


def preview(
    source: TemplateVersion | Mapping[str, str], context: Mapping[str, Any], recipient: Mapping[str, Any]
) -> Rendered:
    """All parts as this person would get them, from a saved version or from unsaved parts: the renderer is the sending one.

    Unsaved parts may bring their `email_format`. Raises InvalidTemplate, MissingVariable, RenderFailed or InvalidData.
    """
    version = compiled(source) if not isinstance(source, Mapping) else _unsaved(source)
    return version.render(context, recipient, PARTS)


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
    _refuse_problems(parts, email_format)
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
    _refuse_problems(parts, email_format)
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


def _unsaved(source: Mapping[str, str]) -> CompiledVersion:
    html = made(source.get(EMAIL_HTML) or "", source.get("email_format") or HTML).html
    return CompiledVersion({**source, EMAIL_HTML: html})


def _refuse_problems(parts: Mapping[str, str], email_format: str) -> None:
    for problem in validate(parts, email_format):
        raise InvalidTemplate(
            problem.message, field=problem.part, remedy=problem.remedy, line=problem.line, column=problem.column
        )


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
