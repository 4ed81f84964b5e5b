"""The closing report: on every channel the figures add up to the audience, to the last person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dashboard.admin.display.progress import Progress
from tasks.models.words import BOUNCED, CANCELLED, DELIVERED, EXPIRED, FAILED, OPEN_STATES, SENT, SKIPPED, UNKNOWN

UNWRITTEN: Final = "unwritten"  # it ended before their turn came
LINES: Final = (
    ("sent", "Sent", (SENT, DELIVERED)), ("bounced", "Came back", (BOUNCED,)), ("failed", "Failed", (FAILED,)),
    ("unknown", "In doubt", (UNKNOWN,)), ("skipped", "Skipped", (SKIPPED,)), ("expired", "Too old", (EXPIRED,)),
    ("cancelled", "Cancelled", (CANCELLED,)), ("queued", "Still open", OPEN_STATES),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report: a word, and how many people on each channel."""

    state: str
    words: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The lines that have anybody in them, and whether every channel's sum is the audience."""

    channels: tuple[str, ...]
    audience: int
    lines: tuple[Line, ...]

    def sum(self, channel: str) -> int:
        """All lines of a channel together."""
        return sum(line.counts[channel] for line in self.lines)

    @property
    def adds_up(self) -> bool:
        """True where on every channel everybody of the audience is in one line."""
        return all(self.sum(channel) == self.audience for channel in self.channels)


def closing(far: Progress) -> Report:
    """The report of a broadcast, of any state: while it runs some are still open, and some not written yet."""
    found = [
        Line(state, words, {channel: sum(counts.get(one, 0) for one in states) for channel, counts in far.channels.items()})
        for state, words, states in LINES
    ]
    missing = far.audience - far.written  # by the fan-out's own count: what is left over would always add up
    found.append(Line(UNWRITTEN, "Never written", dict.fromkeys(far.channels, missing)))
    lines = tuple(line for line in found if any(line.counts.values()))
    return Report(tuple(far.channels), far.audience, lines)
