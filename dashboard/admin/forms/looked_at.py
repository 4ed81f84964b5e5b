"""What a preview is asked to show: the composer's broadcast, or the template editor's unsaved text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select
from werkzeug.datastructures import MultiDict

from dashboard.admin.forms.draft import SOURCE, Draft
from dashboard.admin.forms.json_text import read_object
from tasks import templates
from tasks.audience import segments
from tasks.audience.recipients import describe, find
from tasks.compose import parts_of
from tasks.config import settings
from tasks.errors import CarillonError, InvalidAudience, InvalidRecipient, UnknownRecipient
from tasks.extensions import db
from tasks.forecast.asked import NESTED, Variable, asked
from tasks.models import Recipient, Rule, Template
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.preview.shown import Force
from tasks.render import compiled
from tasks.rendering.limits import PARTS
from tasks.rendering.mail.made import HTML, MJML
from tasks.rendering.version import CompiledVersion

EDITOR = "editor"  # the value of preview-source for a template's unsaved text
PERSON_FIELDS = ("name", "email", "phone", "country", "locale", "timezone")


@dataclass(slots=True)
class EditorDraft(Draft):
    """Variables typed beside a template's editor, read as the composer reads its own."""

    wanted: list[str] = field(default_factory=list)

    def variables(self) -> tuple[Variable, ...]:
        """The variables of the text on the screen."""
        return tuple(Variable(name) for name in self.wanted)


@dataclass(slots=True)
class LookedAt:
    """The texts, their variables, the channels that ring and for whom. `sources` is empty where nothing is chosen yet.

    `faults` are (field, sentence) of what could not be read; what could be is there all the same.
    """

    sources: Mapping[str, str]
    notification_type: str
    draft: Draft
    data: Mapping[str, Any] = field(default_factory=dict)
    rings: Sequence[str] = ()
    email_format: str | None = None  # of what is not saved yet
    faults: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, form: "MultiDict[str, str]") -> "LookedAt":
        """What the form of either page holds."""
        found = _editor(form) if form.get("preview-source") == EDITOR else _composer(form)
        try:
            found.data = found.draft.data()
        except CarillonError as error:
            found.faults.append((error.field, str(error)))
        found.rings = found.draft.channels or _ringing(found.notification_type)
        return found

    def parts(self) -> tuple[str, ...]:
        """What of the template goes out."""
        return parts_of(self.rings)

    def where(self) -> ColumnElement[bool]:
        """The condition on recipients of its audience. Raises UnknownAudience, InvalidAudience."""
        if self.draft.audience == SOURCE:
            raise InvalidAudience("Who comes from the outside source is known once it is copied.", field="audience")
        if not self.draft.target:
            raise InvalidAudience("No audience is chosen yet.", field="audience")
        return segments.resolve_audience(self.draft.target, self.notification_type).where()


def last_values(slug: str) -> dict[str, str]:
    """The variables' values in a template's last broadcast, as one would type them: to begin an editor's preview with.

    Not those of single messages: they are somebody's own.
    """
    row = db.session.scalar(select(Template).where(Template.slug == slug)) if slug else None
    try:
        found = asked(compiled(row.current_version), row.id) if row and row.current_version else []
    except CarillonError:  # a version of a time when more was allowed
        return {}
    return {one.name: one.examples[0] for one in found if one.examples and one.kind != NESTED}


@dataclass(frozen=True, slots=True)
class Subject:
    """Who the message is shown to. `pk` is 0 for somebody made up."""

    id: str
    name: str
    fields: Mapping[str, Any]
    pk: int = 0


def read_subject(form: "MultiDict[str, str]", looked: LookedAt) -> Subject:
    """The person asked for, else the first of the audience, else somebody made up. Raises CarillonError naming the field."""
    if form.get("preview-as") == "made-up":
        return _made_up(form)
    wanted = form.get("preview-person", "")
    person = find(wanted) if wanted else _first(looked)
    if wanted and person is None:
        raise UnknownRecipient(f"Nobody is known by the id {wanted[:80]!r}.", field="preview-person", remedy="Search again.")
    return of(person) if person else _made_up(form)


def of(person: Recipient) -> Subject:
    """A known person as templates read them."""
    names = ("name", "email", "phone", "locale", "timezone", "country", "attributes")
    fields = {"id": person.external_id, **{name: getattr(person, name) for name in names}}
    return Subject(person.external_id, person.name, fields, person.id)


def read_force(text: str) -> Force | None:
    """Which side of which condition is to be shown, from "part:number:side"."""
    part, _, numbers = text.partition(":")
    number, _, side = numbers.partition(":")
    good = part in PARTS and all(one.isascii() and one.isdigit() and len(one) < 4 for one in (number, side))
    return (part, int(number), int(side)) if good else None


def _composer(form: "MultiDict[str, str]") -> LookedAt:
    draft = Draft.read(form)
    if draft.own.is_used:
        parts = draft.own.parts()
        return LookedAt({**dict.fromkeys(PARTS, ""), **parts} if any(parts.values()) else {}, draft.own.kind, draft)
    template = draft.template
    version = template.current_version if template else None
    if template is None or version is None:
        return LookedAt({}, "", draft)
    return LookedAt({name: getattr(version, name) or "" for name in PARTS}, template.notification_type, draft)


def _editor(form: "MultiDict[str, str]") -> LookedAt:
    sources = {name: form.get(name, "").replace("\r\n", "\n") for name in PARTS}
    draft = EditorDraft.read(form)
    draft.wanted = _variables(sources)
    draft.audience, draft.channels = "all", ()
    email_format = MJML if form.get("email_format") == MJML else HTML
    kind = form.get("notification_type", "").strip()
    if not kind and form.get("slug"):
        kind = db.session.scalar(select(Template.notification_type).where(Template.slug == form["slug"])) or ""
    return LookedAt(sources if any(sources.values()) else {}, kind, draft, email_format=email_format)


def _variables(sources: Mapping[str, str]) -> list[str]:
    broken = {one.part for one in templates.validate(sources)}
    return sorted(CompiledVersion({name: text for name, text in sources.items() if name not in broken}).variables)


def _ringing(notification_type: str) -> tuple[str, ...]:
    rule = db.session.scalar(select(Rule).where(Rule.notification_type == notification_type)) if notification_type else None
    return tuple(name for name in OUTSIDE_CHANNELS if rule and (name in rule.channels or name in rule.escalate))


def _first(looked: LookedAt) -> Recipient | None:
    try:
        return db.session.scalar(select(Recipient).where(looked.where()).order_by(Recipient.id).limit(1))
    except CarillonError:  # no such audience yet: anybody will do
        return db.session.scalar(select(Recipient).where(Recipient.is_active).order_by(Recipient.id).limit(1))


def _made_up(form: "MultiDict[str, str]") -> Subject:
    try:
        attributes = read_object(form.get("preview-attributes", "").strip() or "{}", '{"plan": "gold"}')
    except ValueError as error:
        raise InvalidRecipient(str(error), field="preview-attributes") from None
    given = {name: form.get(f"preview-{name}", "") for name in PERSON_FIELDS}
    try:
        described = describe({"id": "made-up", **given, "attributes": attributes}, settings())
    except CarillonError as error:
        raise type(error)(error.detail, field=f"preview-{error.field.removeprefix('recipient.')}", remedy=error.remedy) from None
    fields = {**dict.fromkeys(PERSON_FIELDS, ""), "attributes": {}, **described.fields, "id": "made-up"}
    return Subject("made-up", str(fields["name"]), fields)
