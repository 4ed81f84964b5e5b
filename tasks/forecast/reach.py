"""How many people each channel would ring, and why it would not ring for the others: counted in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from tasks.models.words import CHANNELS, FAILED, IN_APP, QUEUED, REASONS, SENT, SKIPPED
from tasks.plan import Plan
from tasks.record_same import why_not

Reach = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Skip:
    """People whom a channel would not reach, for one reason. `state`: skipped, or failed where their text cannot be written."""

    channel: str
    state: str
    reason: str
    count: int

    @property
    def words(self) -> str:
        """The reason in words."""
        return REASONS[self.reason]


def reach(connection: Connection, where: ColumnElement[bool], plan: Plan, rings: Sequence[str], people: int) -> Reach:
    """{channel: {"queued" ("sent" in-app): people whom it would ring, a reason: people whom it would not}} now.

    `people`: how many match `where`.
    """
    channels = [name for name in CHANNELS if name in rings]
    found: Reach = {IN_APP: {SENT: people}, **{channel: {} for channel in channels}}
    if not channels or not people:
        return found
    # All channels in one walk over the people, who fall into a few kinds.
    each = select(*(why_not(channel, plan.policy.mandatory).label(channel) for channel in channels)).where(where).subquery()
    kinds = select(*each.c, func.count().label("people")).group_by(*each.c)
    for row in connection.execute(kinds, {"type": plan.notification_type}):
        for channel, reason in zip(channels, row, strict=False):
            found[channel][reason or QUEUED] = found[channel].get(reason or QUEUED, 0) + row.people
    return found


def rung(found: Reach, channel: str) -> int:
    """People whom a channel would ring."""
    return found.get(channel, {}).get(SENT if channel == IN_APP else QUEUED, 0)


def skips(found: Reach, failing: Mapping[str, int]) -> list[Skip]:
    """Every skip with its reason, the channels in their order. `failing`: people by channel whose text cannot be written."""
    listed = [
        Skip(channel, SKIPPED, reason, count)
        for channel, reasons in found.items()
        for reason, count in sorted(reasons.items(), key=lambda one: -one[1]) if reason in REASONS
    ]
    listed += [Skip(channel, FAILED, "render_failed", count) for channel, count in failing.items() if count]
    return sorted(listed, key=lambda one: (CHANNELS.index(one.channel), -one.count))
