"""How long a broadcast takes at the rates in force, and whether that ends before it is given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tasks.config import settings
from tasks.models.words import EMAIL, OUTSIDE_CHANNELS, PUSH, SMS
from tasks.schedule import Window

MOST_OPENINGS = 1_000  # of a window that are walked through: nearly three years


@dataclass(frozen=True, slots=True)
class Lasting:
    """`seconds` of sending; None: no rate is set, so it goes as fast as the providers take it. `ends_at`: with the window's
    pauses. `too_slow`: it would be given up before everybody had their turn."""

    seconds: float | None
    ends_at: datetime | None
    too_slow: bool


def lasting(messages: Mapping[str, int], row: Mapping[str, Any]) -> Lasting:
    """How long `messages` ({outside channel: how many}) take for a broadcast that would be written as `row`."""
    config = settings()
    rates = {EMAIL: config.email_rate, PUSH: config.push_rate, SMS: config.sms_rate}
    minutes = [messages.get(channel, 0) / rates[channel] for channel in OUTSIDE_CHANNELS if rates[channel]]
    if row["rate_per_minute"]:
        minutes.append(sum(messages.values()) / row["rate_per_minute"])
    if not minutes:
        return Lasting(None, None, too_slow=False)
    seconds = 60 * max(minutes)
    ends = _end(row, seconds)
    return Lasting(seconds, ends, too_slow=ends > row["expires_at"])


def _end(row: Mapping[str, Any], seconds: float) -> datetime:
    """When that many seconds of sending are over: only those count in which the window is open."""
    now: datetime = row["send_at"] or row["created_at"]
    left = timedelta(seconds=seconds)
    if row["window_start"] is None:
        return now + left
    window = Window.parse(row["window_start"], row["window_end"], row["timezone"])
    for _ in range(MOST_OPENINGS):
        opens, closes = window.next(now)
        now = max(now, opens)
        if now + left <= closes:
            break
        left, now = left - (closes - now), closes
    return now + left
