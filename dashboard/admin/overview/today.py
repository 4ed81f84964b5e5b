"""Today's deliveries per channel and state, counted over a bounded range of ids and kept for some seconds."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import func, select

from dashboard.admin.display.times import midnight
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.moments import first_id_at
from tasks.extensions import db
from tasks.models import Delivery, Notification
from tasks.models.words import CHANNELS

KEPT = 15.0  # seconds
MOST = 100_000  # deliveries counted: a page must open at once, however much was sent


@dataclass(frozen=True, slots=True)
class Today:
    """{channel: {state: count}} since `since`; `whole` is False where the day has more than could be counted."""

    channels: dict[str, dict[str, int]]
    since: datetime
    whole: bool

    def total(self, channel: str) -> int:
        """Deliveries of a channel."""
        return sum(self.channels.get(channel, {}).values())


_guard = threading.Lock()


def today() -> Today:
    """The figures of the operator's day; at most 15 s old."""
    start = midnight()
    kept: dict[datetime, tuple[float, Today]] = current_app.extensions.setdefault("carillon.today", {})
    with _guard:  # one counts, the others wait for it and take what it found
        found = kept.get(start)
        if found is None or time.monotonic() - found[0] > KEPT:
            for old in [day for day, (at, _) in kept.items() if time.monotonic() - at > KEPT]:
                del kept[old]
            found = kept[start] = (time.monotonic(), _count(start))
    return found[1]


def _count(start: datetime) -> Today:
    newest = db.session.scalar(select(func.max(Delivery.pk))) or 0
    first = first_id_at(Columns(Delivery.pk, Delivery.created_at), start)
    low = max(first, newest - MOST + 1)
    since: Any = start if low == first else db.session.scalar(
        select(Delivery.created_at).where(Delivery.pk >= low).order_by(Delivery.pk).limit(1)
    )
    channels: dict[str, dict[str, int]] = {channel: {} for channel in CHANNELS}
    kinds = (Delivery.channel, Delivery.state)
    for channel, state, count in db.session.execute(select(*kinds, func.count()).where(Delivery.pk >= low).group_by(*kinds)):
        channels.setdefault(channel, {})[state] = count
    tests = select(*kinds, func.count()).join(Delivery.notification).where(Notification.is_test, Delivery.pk >= low)
    for channel, state, count in db.session.execute(tests.group_by(*kinds)):  # few, and by an index of their own
        channels[channel][state] = max(0, channels[channel].get(state, 0) - count)
    return Today(channels, since or start, whole=low == first)
