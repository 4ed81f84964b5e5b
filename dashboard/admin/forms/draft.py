"""A broadcast as it is being written: read from the form, checked, and turned into what `send` takes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from dashboard.admin.display.times import operator_zone
from dashboard.admin.forms.durations import read_duration
from dashboard.admin.forms.own_text import OwnText
from dashboard.admin.forms.variables import KIND, PREFIX, VariableFields
from tasks.audience import segments, source
from tasks.errors import CarillonError, InvalidAudience, InvalidOption, UnknownTemplate
from tasks.extensions import db
from tasks.forecast.asked import Variable, asked
from tasks.models import Template, TemplateVersion
from tasks.models.types import utcnow
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.options import MAX_EXPIRY, SendOptions
from tasks.render import compiled

TIMES = ("send_at", "timezone", "window_from", "window_to", "rate", "expires")
SAFETY = ("typed_count", "canary", "canary_share", "canary_then")
# Where an error of the sender is shown whose own field has another name.
BESIDE = {
    "rate_per_minute": "rate", "expires_in": "expires", "slug": "own_name", "name": "own_name", "title": "own_title",
    "message": "own_message", "sms_text": "own_sms", "notification_type": "own_type",
}
SEGMENT, UPLOAD, SOURCE = "segment", "upload", "source"


@dataclass(slots=True)
class Draft:
    """What the operator has typed so far, and what is wrong with it. `own`: a text written on the spot, instead of a template."""

    slug: str = ""
    own: OwnText = field(default_factory=OwnText)
    audience: str = segments.SUBSCRIBED
    segment: str = ""
    exclude: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    send_at: str = ""
    timezone: str = ""
    window_from: str = ""
    window_to: str = ""
    rate: str = ""
    expires: str = ""
    fields: VariableFields = field(default_factory=VariableFields)
    errors: dict[str, str] = field(default_factory=dict)
    _asked: tuple[Variable, ...] | None = None

    @classmethod
    def read(cls, form: "MultiDict[str, str]") -> Self:
        """The draft that a form holds."""
        found = cls(
            slug=form.get("template", "").strip(), own=OwnText.read(form),
            audience=form.get("audience", segments.SUBSCRIBED), segment=form.get("segment", ""),
            exclude=tuple(dict.fromkeys(slug for slug in form.getlist("exclude") if slug)),
            channels=tuple(name for name in OUTSIDE_CHANNELS if name in form.getlist("channels")),
            fields=VariableFields.read(form),
        )
        for name in TIMES:
            setattr(found, name, form.get(name, "").strip())
        return found

    def kept(self) -> list[tuple[str, str]]:
        """Its fields and their texts, as the form sent them: the review carries them along."""
        plain = [("template", self.slug), ("audience", self.audience), ("segment", self.segment)]
        plain += [("exclude", slug) for slug in self.exclude] + [("channels", name) for name in self.channels]
        return [*plain, *((name, getattr(self, name)) for name in TIMES), *self.own.kept(), *self.fields.kept()]

    @property
    def template(self) -> Template | None:
        """The chosen template, or the one that its own text was saved as; none yet where it was not."""
        slug = self.own.slug if self.own.is_used else self.slug
        return db.session.scalar(select(Template).where(Template.slug == slug)) if slug else None

    @property
    def target(self) -> Any:
        """The audience as `broadcast` takes it."""
        chosen: Any = {SEGMENT: self.segment, UPLOAD: "", SOURCE: dict(source.SOURCE)}.get(self.audience, self.audience)
        return segments.excluding(chosen, self.exclude) if chosen else ""

    @property
    def place(self) -> str:
        """The zone in which its times are meant: the chosen one, else the operator's."""
        return self.timezone or operator_zone() or "UTC"

    def options(self, **more: Any) -> SendOptions:
        """When and how fast it shall go, and on which channels, with `more`. Raises InvalidOption."""
        window = f"{self.window_from}-{self.window_to}" if self.window_from or self.window_to else None
        made = SendOptions(
            channels=self.channels or None, send_at=self.asked_time(), timezone=self.place if self.send_at or window else "",
            window=window, rate_per_minute=self.per_minute(),
            expires_in=self.lasts(), **more,
        )
        if made.starts_at is not None and made.starts_at <= utcnow():
            raise InvalidOption("This time has passed.", field="send_at", remedy="Choose one to come, or none to send now.")
        return made

    def asked_time(self) -> datetime | None:
        """The wall clock's time at which it shall start, naive; None: at once. Raises InvalidOption."""
        try:
            return datetime.fromisoformat(self.send_at) if self.send_at else None
        except ValueError:
            raise InvalidOption("This is not a time.", field="send_at", remedy="Write it like 2026-01-31T09:00.") from None

    def lasts(self) -> int | None:
        """Seconds after which it gives up; None: as its rule says. Raises InvalidOption."""
        return read_duration(self.expires, "expires", int(MAX_EXPIRY)) if self.expires else None

    def per_minute(self) -> int | None:
        """The most messages a minute; None: no limit. Raises InvalidOption."""
        text = self.rate.replace(",", "").replace(" ", "")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise InvalidOption("This is not a number.", field="rate", remedy="Write messages a minute, like 600, or nothing.")
        return int(text) if text else None

    def variables(self) -> tuple[Variable, ...]:
        """What the template, or its own text, asks to be told; nothing where that cannot be read."""
        if self._asked is None:
            try:
                self._asked = tuple(self._read_variables())
            except CarillonError:
                self._asked = ()
        return self._asked

    def _read_variables(self) -> list[Variable]:
        if self.own.is_used:
            return asked(self.own.compiled(), None)
        template = self.template
        version = template.current_version if template else None
        return asked(compiled(version), template.id) if template and version else []

    def names(self) -> list[str]:
        """The names of the variables."""
        return [one.name for one in self.variables()]

    def data(self) -> dict[str, Any]:
        """The variables' values. Raises InvalidData."""
        return self.fields.data(self.variables())

    def checked_target(self) -> Any:
        """The audience. Raises InvalidAudience where there is none yet."""
        if self.audience == UPLOAD:
            raise InvalidAudience("No file is chosen.", field="people_file", remedy="Choose a CSV file, or another audience.")
        if not self.target:
            raise InvalidAudience("No segment is chosen.", field="segment", remedy="Choose one, or another audience.")
        return self.target

    def checked_template(self) -> Template:
        """The template. Raises UnknownTemplate where none is chosen."""
        return self.checked_version().template

    def checked_version(self) -> TemplateVersion:
        """The version of it that is in force. Raises UnknownTemplate where no template is chosen."""
        found = self.template
        if found is None or found.current_version is None:
            raise UnknownTemplate("No template is chosen.", field="template", remedy="Choose what to send.")
        return found.current_version

    def mark(self, error: CarillonError) -> None:
        """Keep an error beside the field that it names."""
        name = error.field.removeprefix("data.")
        name = BESIDE.get(name, name)
        variable = name.partition(".")[0]
        if variable in self.names():
            name = "json" if self.fields.as_json else f"{PREFIX}{variable}"
        if name == "audience" and self.audience == SEGMENT:
            name = "segment"
        own = self.own.is_used and name.startswith("own_")
        known = {"template", "audience", "segment", "exclude", "channels", "json", "window", "people_file", *TIMES, *SAFETY}
        elsewhere = "own_message" if self.own.is_used else "template"
        beside = name if own or name in known or name.startswith((PREFIX, KIND)) else elsewhere
        self.errors.setdefault(beside, f"{error.detail} {error.remedy}".strip())
