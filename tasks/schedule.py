"""Wall clocks and instants: when a local time comes in its zone, and when a daily window opens and closes. Pure functions.

One rule for every change of the clocks: a local time comes at the first instant at which the zone's clock shows that time or a
later one. So a time that is left out comes at the change itself, and one that is shown twice comes once, the first time.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from tasks.errors import InvalidOption

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
SPAN = re.compile(r"\s*([0-9:]+)\s*[-\N{EN DASH}]\s*([0-9:]+)\s*")
NOT_A_PLACE = {"localtime", "Factory"}  # what the machine happens to be set to, and a joke


@lru_cache(maxsize=1_000)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name, like Europe/Berlin; UTC for an empty one. Raises InvalidOption naming `timezone`."""
    if not name:
        return ZoneInfo("UTC")
    if name not in _known():
        folded = {known.casefold(): known for known in _known()}
        meant = folded.get(name.strip().casefold().replace(" ", "_"))
        raise InvalidOption(
            f"There is no time zone {name[:60]!r}.", field="timezone",
            remedy=f"Did you mean {meant}?" if meant else "Give an IANA name, like Europe/Berlin or Asia/Kathmandu.",
        )
    return ZoneInfo(name)


def instant(wall: datetime, where: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a local (naive) time comes in a zone: the first at which the clock shows it or a later one.

    Raises OverflowError at the ends of the calendar.
    """
    first = wall.replace(tzinfo=where, fold=0).astimezone(UTC)
    if _shown(first, where) == wall:
        return first
    # The clock jumps over it. Before the jump fold=0 reckons with, after it fold=1: the change lies between the two.
    low, high = wall.replace(tzinfo=where, fold=1).astimezone(UTC).replace(microsecond=0), first.replace(microsecond=0) + SECOND
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        low, high = (low, middle) if _shown(middle, where) >= wall else (middle, high)
    return high


def parse_clock(text: str, field: str) -> time:
    """HH:MM. Raises InvalidOption naming `field`."""
    found = CLOCK.fullmatch(text.strip())
    if not found:
        raise InvalidOption(f"{text[:20]!r} is no time of day.", field=field, remedy="Write it like 09:00, from 00:00 to 23:59.")
    return time(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Window:
    """The part of every day in which something may go out, in a zone's own time; it may pass over midnight."""

    start: time
    end: time
    where: ZoneInfo

    @classmethod
    def read(cls, text: str, timezone: str) -> "Window":
        """From one text, like 09:00-20:00. Raises InvalidOption naming `window` or `timezone`."""
        found = SPAN.fullmatch(text)
        if not found:
            raise InvalidOption(f"{text[:30]!r} is no window.", field="window", remedy="Write it like 09:00-20:00.")
        return cls.parse(found[1], found[2], timezone)

    @classmethod
    def parse(cls, start: str, end: str, timezone: str) -> "Window":
        """From texts like 09:00 and 20:00. Raises InvalidOption naming `window` or `timezone`."""
        made = cls(parse_clock(start, "window"), parse_clock(end, "window"), zone(timezone))
        if made.start == made.end:
            raise InvalidOption(
                "The window closes when it opens.", field="window",
                remedy="Give two different times, or no window for the whole day.",
            )
        return made

    def opening(self, day: date) -> tuple[datetime, datetime]:
        """When the window of a local day opens and closes, in UTC. Both the same: the clocks jump over it that day."""
        last = day if self.end > self.start else day + DAY
        return instant(datetime.combine(day, self.start), self.where), instant(datetime.combine(last, self.end), self.where)

    def next(self, moment: datetime) -> tuple[datetime, datetime]:
        """The opening that `moment` (aware) lies in, else the next one, in UTC: it opens, and it closes."""
        today = moment.astimezone(self.where).date()
        for days in range(-2, 5):  # from the night before; clocks may jump over one or two
            opens, closes = self.opening(today + days * DAY)
            if opens < closes and moment < closes:
                return opens, closes
        raise AssertionError("a window that never opens")

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _shown(moment: datetime, where: ZoneInfo) -> datetime:
    return moment.astimezone(where).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones() - NOT_A_PLACE)
