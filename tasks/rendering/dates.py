"""The date filter: ISO 8601 text, as the data carries it, into a date as people read it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tasks.rendering.budget import Budget
from tasks.rendering.problem import Unusable
from tasks.rendering.text import named, texted

DEFAULT_FORMAT = "%d %b %Y"
MAX_FORMAT = 100
DIRECTIVE = re.compile(r"%(-?)(.?)", re.DOTALL)
ALLOWED = "aAbBdHIjmMpSyYzZ%"
COST = 30  # steps; a zone may have to be read from the disk


def dated(budget: Budget, value: Any, pattern: Any = DEFAULT_FORMAT, zone: Any = None) -> str:
    """`{{ start|date("%-d %b %Y, %H:%M", recipient.timezone) }}`: 1 Sep 2026, 18:45; without a zone, the time as given."""
    budget.spend(COST)
    moment = parsed(value)
    pattern, zone = texted(pattern), texted(zone)
    complaint = wrong_format(pattern)
    if complaint:
        raise Unusable(complaint)
    if zone:  # a time that names no zone is UTC, as everywhere in Carillon
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(_zone(zone))
    return DIRECTIVE.sub(lambda found: _directive(moment, found.group(1), found.group(2)), pattern)


def parsed(value: Any) -> datetime:
    """The moment in an ISO 8601 text. Raises Unusable."""
    if not isinstance(value, str):
        raise Unusable(f"date needs ISO 8601 text, like 2026-08-31T18:00:00Z, not a {named(value)}")
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        raise Unusable(f"{value[:40]!r} is not a date; give ISO 8601 text, like 2026-08-31T18:00:00Z") from None


def wrong_format(pattern: str) -> str:
    """What is wrong with a format, or nothing."""
    if len(pattern) > MAX_FORMAT:
        return f"a date format has at most {MAX_FORMAT} characters"
    for found in DIRECTIVE.finditer(pattern):
        if not found.group(2) or found.group(2) not in ALLOWED:
            return f"date does not know {found.group()}; it knows {' '.join(f'%{letter}' for letter in ALLOWED)}"
    return ""


def _directive(moment: datetime, dash: str, letter: str) -> str:
    if letter == "Y":
        return str(moment.year)  # strftime pads it on some systems only
    written = moment.strftime(f"%{letter}")
    return (written.lstrip("0") or "0") if dash else written


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, or far too long
        raise Unusable(f"{name[:40]!r} is not a time zone; write one like Asia/Kathmandu") from None


DATE_FILTERS: dict[str, Callable[..., Any]] = {"date": dated}
