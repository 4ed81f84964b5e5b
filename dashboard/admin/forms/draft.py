"""A broadcast as it is being written: read from the form, checked, and turned into what `send` takes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from dashboard.admin.display.times import operator_zone
from dashboard.admin.forms.durations import read_duration
from dashboard.admin.forms.json_text import read_object
from tasks import templates
from tasks.errors import CarillonError, InvalidAudience, InvalidData, InvalidOption, UnknownTemplate
from tasks.extensions import db
from tasks.models import Template
from tasks.models.types import utcnow
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.options import MAX_EXPIRY, SendOptions

PREFIX = "var-"  # of a variable's field
TIMES = ("send_at", "timezone", "window_from", "window_to", "rate", "expires")


@dataclass(slots=True)
class Draft:
    """What the operator has typed so far, and what is wrong with it. `values` are the texts as typed, to be shown again."""

    slug: str = ""
    audience: str = "subscribed"
    segment: str = ""
    channels: tuple[str, ...] = ()
    send_at: str = ""
    timezone: str = ""
    window_from: str = ""
    window_to: str = ""
    rate: str = ""
    expires: str = ""
    values: dict[str, str] = field(default_factory=dict)
    json_text: str = ""
    as_json: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: "MultiDict[str, str]") -> Self:
        """The draft that a form holds."""
        found = cls(
            slug=form.get("template", "").strip(), audience=form.get("audience", "subscribed"), segment=form.get("segment", ""),
            channels=tuple(name for name in OUTSIDE_CHANNELS if name in form.getlist("channels")),
            values={name.removeprefix(PREFIX): text for name, text in form.items() if name.startswith(PREFIX)},
            json_text=form.get("json", ""), as_json=form.get("as_json") == "1",
        )
        for name in TIMES:
            setattr(found, name, form.get(name, "").strip())
        return found

    @property
    def template(self) -> Template | None:
        """The chosen template, if there is one."""
        return db.session.scalar(select(Template).where(Template.slug == self.slug)) if self.slug else None

    @property
    def target(self) -> str:
        """The audience as `broadcast` takes it."""
        return self.segment if self.audience == "segment" else self.audience

    @property
    def place(self) -> str:
        """The zone in which its times are meant: the chosen one, else the operator's."""
        return self.timezone or operator_zone() or "UTC"

    def options(self, **more: Any) -> SendOptions:
        """When and how fast it shall go, and on which channels, with `more`. Raises InvalidOption."""
        window = f"{self.window_from}-{self.window_to}" if self.window_from or self.window_to else None
        made = SendOptions(
            channels=self.channels or None, send_at=self.asked(), timezone=self.place if self.send_at or window else "",
            window=window, rate_per_minute=self.per_minute(),
            expires_in=self.lasts(), **more,
        )
        if made.starts_at is not None and made.starts_at <= utcnow():
            raise InvalidOption("This time has passed.", field="send_at", remedy="Choose one to come, or none to send now.")
        return made

    def asked(self) -> datetime | None:
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

    def names(self) -> list[str]:
        """The variables that the template asks for."""
        version = self.template.current_version if self.template else None
        try:
            return templates.variables(version) if version else []
        except CarillonError:
            return []

    def data(self) -> dict[str, Any]:
        """The variables' values. Raises InvalidData."""
        if not self.as_json:
            return {name: _value(self.values[name]) for name in self.names() if name in self.values and self.values[name] != ""}
        try:
            return read_object(self.json_text or "{}", '{"amount": 1000}')
        except ValueError as error:
            raise InvalidData(str(error), field="json") from None

    def checked_target(self) -> str:
        """The audience. Raises InvalidAudience where a segment is wanted and none is chosen."""
        if not self.target:
            raise InvalidAudience("No segment is chosen.", field="segment", remedy="Choose one, or another audience.")
        return self.target

    def checked_template(self) -> Template:
        """The template. Raises UnknownTemplate where none is chosen."""
        found = self.template
        if found is None or found.current_version is None:
            raise UnknownTemplate("No template is chosen.", field="template", remedy="Choose what to send.")
        return found

    def mark(self, error: CarillonError) -> None:
        """Keep an error beside the field that it names."""
        name = error.field.removeprefix("data.")
        name = {"rate_per_minute": "rate", "expires_in": "expires"}.get(name, name)
        where = f"{PREFIX}{name}" if not self.as_json and name in self.names() else ("json" if name in self.names() else name)
        known = {"template", "audience", "segment", "channels", "json", "window", *TIMES}
        where = "segment" if where == "audience" and self.audience == "segment" else where
        beside = where if where in known or where.startswith(PREFIX) else "template"
        self.errors[beside] = f"{error.detail} {error.remedy}".strip()


def _value(text: str) -> Any:
    """A number where the text is exactly how that number is written, else the text: 007 and 1.50 stay as typed."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and text not in {"inf", "nan", "-inf"}:
            return number
    return text
