"""Lengths of time as people write them: 90, 10m, 24h, 2d."""

import re

from tasks.errors import InvalidOption

UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
SHAPE = re.compile(r"(\d{1,9})\s*(s|m|min|h|d)?")


def read_duration(text: str, field: str, longest: int) -> int:
    """Seconds from a text like 90, 10m, 24h or 2d. Raises InvalidOption naming `field`."""
    found = SHAPE.fullmatch(text.strip().lower())
    seconds = int(found[1]) * UNITS[found[2] or ""] if found else 0
    if not 0 < seconds <= longest:
        raise InvalidOption(
            f"{text.strip()!r} is no length of time that can be used here.", field=field,
            remedy=f"Write seconds, or like 10m, 24h, 2d; at most {show_duration(longest)}.",
        )
    return seconds


def show_duration(seconds: int) -> str:
    """The shortest exact way to write it."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % UNITS[unit] == 0:
            return f"{seconds // UNITS[unit]}{unit}"
    return f"{seconds}s"
