"""What of a broadcast did not get through and could be sent again: counted by channel, state and reason, and said in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from tasks.ledger import counts
from tasks.models import Delivery, Notification
from tasks.models.delivery import TROUBLE
from tasks.models.words import BOUNCED, EXPIRED, REASONS, SKIPPED, UNKNOWN
from tasks.reopen import AGAIN, IN_TROUBLE

WARNINGS = {
    UNKNOWN: "They may have arrived: whoever got it gets it twice.",
    BOUNCED: "These addresses sent it back before. They are sent to again only where they are named.",
    SKIPPED: "Each person is looked at again; where nothing changed, it is skipped again.",
    EXPIRED: "They get a fresh time to expire.",
}
RENDERED_AGAIN = "The text is rendered again with what is known of the person now."


@dataclass(frozen=True, slots=True)
class Left:
    """Rows of a broadcast that can be sent again: why they were not, and what to know before (`warning`), in words.

    `reason` is None where they were not looked at one by one: whatever it is.
    """

    channel: str
    state: str
    reason: str | None
    count: int
    words: str
    warning: str


def left_over(connection: Connection, pk: int, *, by_reason: bool = True) -> list[Left]:
    """What of a broadcast could be sent again.

    What is in trouble is counted by its partial index. What was skipped or expired has none: `by_reason` reads every row of the
    broadcast where there is any of it; without, the counters say how many they are, at once, however large it is.
    """
    closed = counts.closed(connection, pk)
    known = {state for states in closed.values() for state in states}
    columns = (Delivery.channel, Delivery.state, Delivery.reason, func.count())
    found: list[Sequence[Any]] = []  # channel, state, reason, count
    if known & IN_TROUBLE:
        trouble = select(*columns).where(TROUBLE, Delivery.broadcast_id == pk)
        found.extend(connection.execute(trouble.group_by(*columns[:3])).all())
    quiet = known & {*AGAIN} - IN_TROUBLE
    if quiet and not by_reason:
        found.extend(
            (channel, state, None, count)
            for channel, states in closed.items() for state, count in states.items() if state in quiet
        )
    elif quiet:
        other = select(*columns).join(Notification, Delivery.notification_id == Notification.pk)
        other = other.where(Notification.broadcast_id == pk, Delivery.state.in_(quiet))
        found.extend(connection.execute(other.group_by(*columns[:3])).all())
    return [Left(channel, state, reason, count, *_words(state, reason)) for channel, state, reason, count in found]


def _words(state: str, reason: str | None) -> tuple[str, str]:
    if reason is None:
        return "Whatever the reason.", WARNINGS.get(state, "")
    words = REASONS.get(reason) or (f"The provider's code {reason}." if reason else "No reason was given.")
    return words, RENDERED_AGAIN if reason == "render_failed" else WARNINGS.get(state, "")
