"""How far a broadcast is: the same figures for its page, the start page, the list and the sockets that watch."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.admin.display.labels import STATE_ORDER, state_label
from tasks.channels import provider_name
from tasks.config import settings
from tasks.database import reading
from tasks.ledger import counts
from tasks.models import Broadcast
from tasks.models.types import utcnow
from tasks.models.words import (
    BOUNCED,
    CANCELLED,
    CHANNELS,
    COMPLETED,
    DELIVERED,
    EXPANDING,
    FAILED,
    OPEN_STATES,
    QUEUED,
    SENDING,
    SENT,
    UNKNOWN,
)
from tasks.status import broadcast_counts

CANARY = "canary"  # in `holds`: the first people have it, and the others wait
FINAL = (COMPLETED, CANCELLED, FAILED)
TROUBLE_STATES = (FAILED, BOUNCED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Progress:
    """The counts of a broadcast per channel and state, and what follows from them."""

    pk: int
    state: str
    version: int  # raised by whatever was done to it by hand, or by itself
    audience: int  # people in the frozen audience
    written: int  # of them, those whose deliveries are written
    frozen: bool
    complete: bool  # all of them are
    channels: dict[str, dict[str, int]]
    holds: tuple[str, ...] = ()  # why it does not go on just now: "window" while that is closed, channels with an outage

    @property
    def total(self) -> int:
        """Deliveries written so far."""
        return sum(sum(states.values()) for states in self.channels.values())

    @property
    def open(self) -> int:
        """Deliveries still to come to an end."""
        return self.among(OPEN_STATES)

    @property
    def done(self) -> int:
        """Deliveries that reached their provider or the inbox."""
        return self.among((SENT, DELIVERED))

    @property
    def troubled(self) -> int:
        """Deliveries that failed, bounced or are in doubt."""
        return self.among(TROUBLE_STATES)

    @property
    def percent(self) -> int:
        """Closed deliveries of all there will be, floored: 100 means all."""
        whole = max(self.total, self.audience * len(self.channels))
        return 100 * (self.total - self.open) // whole if whole else (100 if self.is_final else 0)

    @property
    def is_final(self) -> bool:
        """True where nothing will change any more by itself."""
        return self.state in FINAL and not self.open

    @property
    def all_channels(self) -> dict[str, int]:
        """The counts by state, of all channels together."""
        sums: dict[str, int] = {}
        for states in self.channels.values():
            for state, count in states.items():
                sums[state] = sums.get(state, 0) + count
        return sums

    @property
    def mark(self) -> str:
        """Changes when a page has more to show than figures: other buttons, other sentences."""
        return ":".join((self.state, str(self.version), str(self.frozen), str(self.complete), *self.holds))

    def among(self, states: Collection[str]) -> int:
        """Deliveries in one of these states."""
        return sum(found.get(state, 0) for found in self.channels.values() for state in states)

    def as_json(self) -> dict[str, Any]:
        """What the watching script needs, with the words already made."""
        return {
            "id": self.pk, "state": self.state, "state_label": state_label(self.state), "audience": self.audience,
            "written": self.written, "complete": self.complete, "percent": self.percent, "open": self.open, "total": self.total,
            "done": self.done, "troubled": self.troubled, "final": self.is_final,
            "mark": self.mark,
            "channels": {channel: _parts(states) for channel, states in self.channels.items()},
        }


def _parts(states: dict[str, int]) -> list[dict[str, Any]]:
    return [{"state": name, "label": state_label(name), "count": states[name]} for name in STATE_ORDER if states.get(name)]


def progress(row: Broadcast, down: Collection[str] = ()) -> Progress:
    """The progress of a broadcast now, given the providers that are down; it costs the same for ten people as for a million."""
    found = _closed(row.pk) if row.state in (COMPLETED, FAILED) else broadcast_counts(row.pk)
    channels = {channel: found[channel] for channel in CHANNELS if found.get(channel)}
    return Progress(
        row.pk, row.state, row.version, row.audience_count, row.expanded_count, row.frozen_at is not None,
        row.expanded_at is not None, channels, _holds(row, channels, down),
    )


def _closed(pk: int) -> dict[str, dict[str, int]]:
    """Of a broadcast that has ended nothing is open, so there is nothing else to look at."""
    with reading() as connection:
        return counts.closed(connection, pk)


def opening(row: Broadcast) -> datetime | None:
    """When its daily window opens next; None where it is open now, or there is none."""
    return row.opens_at if row.opens_at is not None and row.opens_at > utcnow() else None


def _holds(row: Broadcast, channels: dict[str, dict[str, int]], down: Collection[str]) -> tuple[str, ...]:
    if row.state not in (QUEUED, EXPANDING, SENDING):
        return ()
    waiting = [name for name, states in channels.items() if any(states.get(state) for state in OPEN_STATES)]
    closed = ("window",) if opening(row) is not None else ()
    waits = row.canary_people is not None and row.canary_ended_at is None and row.expanded_count >= row.canary_people
    canary = (CANARY, *(("settled",) if row.canary_settled_at else ())) if waits and row.state == EXPANDING else ()
    return (*closed, *canary, *(name for name in waiting if down and provider_name(name, settings()) in down))
