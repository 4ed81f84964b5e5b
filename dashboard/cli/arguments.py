"""Arguments that several commands share: a template's variables as key=value, times and lengths of time."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import click

from dashboard.admin.forms.durations import read_duration
from tasks.errors import InvalidOption
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.options import MAX_EXPIRY


class Variable(click.ParamType[tuple[str, Any]]):
    """key=value is text, key:=value is JSON: a number, true, a list."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """The variable's name and value."""
        name, sign, text = str(value).partition("=")
        if not sign or not name.rstrip(":").isidentifier():
            self.fail(f"{value!r} is no variable. Write key=value, or key:=1000 for a number.", param, ctx)
        if not name.endswith(":"):
            return name, text
        try:
            return name[:-1], json.loads(text)
        except ValueError:
            self.fail(f"What follows {name}= is no JSON. Write {name[:-1]}={text} for text.", param, ctx)


class Audience(click.ParamType[Any]):
    """A word, or a definition as the API takes it: {"ids": [...]}, {"source": "http"} or rules."""

    name = "audience"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word, or the definition."""
        if not str(value).startswith("{"):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"The definition is no JSON: {error}.", param, ctx)


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601: with its offset, or a wall clock's."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware where its offset was given."""
        try:
            return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time. Write it like 2026-01-31T09:00+05:45, or '2026-01-31 09:00'.", param, ctx)


class Duration(click.ParamType[int]):
    """A length of time: seconds, or like 10m, 24h, 2d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        try:
            return value if isinstance(value, int) else read_duration(str(value), self.name, int(MAX_EXPIRY))
        except InvalidOption as error:
            self.fail(str(error), param, ctx)


class Span(click.ParamType[timedelta]):
    """A time span: 30s, 15m, 24h, 7d, or 0."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,7})([smhd])|0", str(value).strip())
        if not found:
            self.fail(f"{value!r} is no time span. Write it like 30m, 24h or 7d.", param, ctx)
        units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
        return timedelta(seconds=int(found[1]) * units[found[2]]) if found[1] else timedelta(0)


variables = click.argument("context", nargs=-1, type=Variable(), metavar="[KEY=VALUE]...")
forced_channels = click.option(
    "--channel", "channels", type=click.Choice(OUTSIDE_CHANNELS), multiple=True, help="Use this channel, whatever the rule says."
)
