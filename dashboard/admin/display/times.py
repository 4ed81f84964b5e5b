"""Times in the operator's own zone, with the zone named."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from flask_login import current_user

from tasks.models.types import utcnow

SAID = re.compile(r"\b(\d{4}-[01]\d-[0-3]\d [0-2]\d:[0-5]\d:[0-5]\d) UTC\b")


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})  # asking walks a folder of six hundred files


@cache
def zone_names() -> list[str]:
    """The IANA zones to choose from, in order."""
    return sorted(name for name in _known() if "/" in name and not name.startswith("Etc/"))


def is_zone(name: str) -> bool:
    """True where `name` is an IANA zone."""
    return name in _known()


def operator_zone() -> str:
    """The signed-in operator's own zone, or "" where none is chosen (times are then in UTC)."""
    name = str(getattr(current_user, "timezone", "") or "")
    return name if is_zone(name) else ""


def zone() -> ZoneInfo:
    """The zone in which this request shows times."""
    return ZoneInfo(operator_zone() or "UTC")


def zone_name() -> str:
    """The zone's name and its distance from UTC now: "Asia/Kathmandu (UTC+05:45)"."""
    name = operator_zone()
    if name in {"", "UTC"}:
        return "UTC"
    offset = local(utcnow()).strftime("%z")
    return f"{name} (UTC{offset[:3]}:{offset[3:]})"


def local(value: datetime) -> datetime:
    """An aware time, in the operator's zone."""
    return value.astimezone(zone())


def short_time(value: datetime) -> str:
    """For tables: the day only where it is not today, the year only where it is not this year."""
    here, now = local(value), local(utcnow())
    clock = here.strftime("%H:%M:%S")
    if here.date() == now.date():
        return clock
    day = f"{here.day} {here.strftime('%b')}"
    return f"{day}, {clock}" if here.year == now.year else f"{day} {here.year}, {clock}"


def full_time(value: datetime) -> str:
    """With everything: day, year, seconds and the zone's short name."""
    here = local(value)
    short = here.strftime("%Z")
    if short[:1] in "+-":  # zones without a short name of their own
        offset = here.strftime("%z")
        short = f"UTC{offset[:3]}:{offset[3:]}"
    return f"{here.day} {here.strftime('%b %Y, %H:%M:%S')} {short}"


def clock(value: datetime, place: ZoneInfo | None = None) -> str:
    """For sentences: "10:04", with its day where that is not today; in the operator's zone, or in `place`."""
    here, now = value.astimezone(place or zone()), utcnow().astimezone(place or zone())
    day = f"{here.strftime('%a')} {here.day} {here.strftime('%b')}"
    if here.date() == now.date():
        return f"{here:%H:%M}"
    return f"{here:%H:%M} on {day}" if here.year == now.year else f"{here:%H:%M} on {day} {here.year}"


def clock_in(value: datetime, name: str) -> str:
    """`clock` in the zone of that name."""
    return clock(value, ZoneInfo(name or "UTC"))


def span(seconds: float) -> str:
    """A length of time in one unit: "4 minutes"."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{int(seconds)} second{'' if int(seconds) == 1 else 's'}"


def ago(value: datetime) -> str:
    """How long ago, or in how long, in one unit."""
    seconds = (utcnow() - value).total_seconds()
    return f"in {span(-seconds)}" if seconds < 0 else f"{span(seconds)} ago"


def midnight() -> datetime:
    """The start of the operator's day, in UTC."""
    start = local(utcnow()).replace(hour=0, minute=0, second=0, microsecond=0)
    return start.astimezone(UTC)


def parse_local(text: str) -> datetime:
    """A `datetime-local` input's text, meant in the operator's zone, as an aware time. Raises ValueError.

    A time that the clocks skip moves on by the gap; one that comes twice is the first.
    """
    naive = datetime.fromisoformat(text)
    if naive.tzinfo is not None:
        return naive.astimezone(UTC)
    return naive.replace(tzinfo=zone(), fold=0).astimezone(UTC)


def for_input(value: datetime) -> str:
    """An aware time as a `datetime-local` input wants it, to the minute, in the operator's zone."""
    return local(value).replace(tzinfo=None).isoformat(timespec="minutes")


def localized(text: str) -> str:
    """A sentence of the sender, whose times are in UTC and say so, with these times in the operator's zone, named."""

    def here(found: re.Match[str]) -> str:
        try:
            return full_time(datetime.fromisoformat(f"{found[1]}+00:00"))
        except (ValueError, OverflowError):  # it only looks like one
            return found[0]

    return SAID.sub(here, text)


def in_minutes(minutes: int) -> datetime:
    """Now plus some minutes, aware."""
    return utcnow() + timedelta(minutes=minutes)
