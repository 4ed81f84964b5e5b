"""A broadcast's counters of closed deliveries: added up in the closing transaction, in a slot of each process's own."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from tasks.database import upsert
from tasks.models import Broadcast, BroadcastCount, Delivery
from tasks.models.delivery import DUE, IN_HAND
from tasks.models.words import OUTSIDE_CHANNELS, QUEUED

Key = tuple[int, str, str]  # broadcast, channel, state
EXACT = 5_000  # waiting rows of a channel that are counted one by one: a page must open at once, however many wait


def add(connection: Connection, slot: int, changes: Mapping[Key, int]) -> None:
    """Add `changes` to the counters of this process. A state that is left again is a negative number."""
    rows = [
        {"broadcast_id": broadcast, "slot": slot, "channel": channel, "state": state, "count": count}
        for (broadcast, channel, state), count in sorted(changes.items())
        if count
    ]
    if rows:
        statement = upsert(BroadcastCount, connection.dialect.name)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["broadcast_id", "slot", "channel", "state"],
                set_={"count": BroadcastCount.count + statement.excluded.count},
            ),
            rows,
        )


def closed(connection: Connection, broadcast_pk: int) -> dict[str, dict[str, int]]:
    """{channel: {state: count}} of the closed deliveries of a broadcast, summed over the slots."""
    rows = connection.execute(
        select(BroadcastCount.channel, BroadcastCount.state, func.sum(BroadcastCount.count))
        .where(BroadcastCount.broadcast_id == broadcast_pk)
        .group_by(BroadcastCount.channel, BroadcastCount.state)
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, count in rows:
        if count:
            found.setdefault(channel, {})[state] = int(count)
    return found


def open_rows(connection: Connection) -> list[tuple[str, str, int]]:
    """(channel, state, count) of everything open, from the partial indexes: for the figures of the whole installation."""
    due = select(Delivery.channel, Delivery.state, func.count()).where(DUE).group_by(Delivery.channel, Delivery.state)
    in_hand = select(Delivery.channel, Delivery.state, func.count()).where(IN_HAND).group_by(Delivery.channel, Delivery.state)
    return [(channel, state, count) for query in (due, in_hand) for channel, state, count in connection.execute(query)]


def waiting(connection: Connection, broadcast_pk: int, closed: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """{channel: {state: count}} of the open deliveries, given the closed ones; at most a few thousand rows are looked at.

    Where more wait on a channel they are what is written and not closed, and those that retry pass for queued: everybody whose
    rows are written has one on each channel.
    """
    found: dict[str, dict[str, int]] = {}
    in_hand = (
        select(Delivery.channel, Delivery.state, func.count())
        .where(Delivery.broadcast_id == broadcast_pk, IN_HAND)
        .group_by(Delivery.channel, Delivery.state)
    )
    for channel, state, count in connection.execute(in_hand):
        found.setdefault(channel, {})[state] = count
    for channel in OUTSIDE_CHANNELS:
        due = select(Delivery.state).where(Delivery.channel == channel, Delivery.broadcast_id == broadcast_pk, DUE)
        some = due.limit(EXACT + 1).subquery()
        by_state = connection.execute(select(some.c.state, func.count()).group_by(some.c.state))
        states: dict[str, int] = {state: count for state, count in by_state}  # noqa: C416  # dict() does not take rows
        if sum(states.values()) > EXACT:
            written = connection.scalar(select(Broadcast.expanded_count).where(Broadcast.pk == broadcast_pk)) or 0
            others = sum(closed.get(channel, {}).values()) + sum(found.get(channel, {}).values())
            states = {QUEUED: max(written - others, EXACT)}
        if states:
            found.setdefault(channel, {}).update(states)
    return found
