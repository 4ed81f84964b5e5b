"""The law of the ledger, checked against the providers' own record."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Select, func, select

from tasks.database import reading
from tasks.ledger import counts
from tasks.models import Attempt, Broadcast, Delivery, Notification
from tasks.models.words import CLOSED_STATES, FAILED, IN_APP, OPEN_STATES, SENT, UNKNOWN
from tasks.public_id import DELIVERY, encode
from tests.peers.record import ids


@dataclass(frozen=True)
class Verdict:
    """What became of a broadcast: the numbers that a run prints, and every breach of the law in words."""

    lost: int  # without a row, failed with no refusal of the provider's, or marked sent and never accepted
    doubled: int  # accepted twice, and nothing says so
    unknown: int
    states: Mapping[str, Counter[str]]  # by channel
    breaches: tuple[str, ...]


def open_rows() -> int:
    """How many deliveries are not closed yet."""
    with reading() as connection:
        return connection.scalar(select(func.count()).select_from(Delivery).where(Delivery.state.in_(OPEN_STATES))) or 0


def judge(broadcast: int, people: int, records: Mapping[str, Path]) -> Verdict:
    """Look at a broadcast at rest. `records`: by outside channel, the file of what its provider accepted."""
    breaches: list[str] = [*_once_a_person(broadcast, people)]
    states, lost, doubled, unknown = {}, 0, 0, 0
    for channel in (IN_APP, *records):
        states[channel] = Counter(_rows(channel, broadcast).values())
        lost += people - states[channel].total()
        if channel in records:
            every = _rows(channel)  # of single messages too: they are in the provider's record
            found = _channel(channel, every, Counter(ids(records[channel])), breaches)
            lost, doubled, unknown = lost + found[0], doubled + found[1], unknown + Counter(every.values())[UNKNOWN]
    breaches += _counters(broadcast, states)
    if still := open_rows():
        breaches.append(f"{still} rows are not at rest")
    return Verdict(lost, doubled, unknown, states, tuple(breaches))


def _rows(channel: str, broadcast: int | None = None) -> dict[str, str]:
    query = select(Delivery.pk, Delivery.state).where(Delivery.channel == channel)
    with reading() as connection:
        rows = connection.execute(query if broadcast is None else query.where(Delivery.broadcast_id == broadcast))
        return {str(encode(DELIVERY, pk)): state for pk, state in rows}


def _once_a_person(broadcast: int, people: int) -> list[str]:
    """Exactly one message a person, one row a message and channel, one line a try that counts."""
    mine = Notification.broadcast_id == broadcast
    with reading() as connection:
        messages, persons = connection.execute(
            select(func.count(), func.count(func.distinct(Notification.recipient_id))).where(mine)
        ).one()
        audience, state = connection.execute(
            select(Broadcast.audience_count, Broadcast.state).where(Broadcast.pk == broadcast)
        ).one()
        tries, different = connection.execute(_tries(broadcast)).one()
    found = []
    if not messages == persons == audience == people:
        found.append(f"{people} people, audience {audience}, {messages} messages to {persons}")
    if tries != different:
        found.append(f"{tries - different} tries were written down twice: two workers held one row")
    if state != "completed":
        found.append(f"the broadcast is {state}")
    return found


def _tries(broadcast: int) -> Select[int, int]:
    mine = select(Attempt.delivery_id, Attempt.round, Attempt.number, Attempt.device_id).join(
        Delivery, Attempt.delivery_id == Delivery.pk
    ).where(Delivery.broadcast_id == broadcast, Attempt.outcome.in_(("sent", "permanent", "unknown")))
    every, distinct = mine.subquery(), mine.distinct().subquery()
    return select(
        select(func.count()).select_from(every).scalar_subquery(), select(func.count()).select_from(distinct).scalar_subquery()
    )


def _channel(channel: str, rows: Mapping[str, str], log: Counter[str], breaches: list[str]) -> tuple[int, int]:
    """One outside channel beside its provider's record: (lost, doubled)."""
    by_state: dict[str, set[str]] = {}
    for known, state in rows.items():
        by_state.setdefault(state, set()).add(known)
    sent, unknown = by_state.get(SENT, set()), by_state.get(UNKNOWN, set())
    never = sent - log.keys()
    otherwise = log.keys() - sent - unknown
    twice = {known for known, count in log.items() if count > 1} - _marked(unknown | sent)
    innocent = _failed_without_a_refusal(by_state.get(FAILED, set()))
    if never:
        breaches.append(f"{channel}: {len(never)} are marked sent and were never accepted")
    if otherwise:
        breaches.append(f"{channel}: {len(otherwise)} were accepted and are marked otherwise")
    if twice:
        breaches.append(f"{channel}: {len(twice)} were accepted twice and nothing says so")
    if innocent:
        breaches.append(f"{channel}: {len(innocent)} failed, and no provider had refused them")
    return len(never) + len(innocent), len(twice)


def _marked(known: set[str]) -> set[str]:
    """Those whose log says that a try of theirs is in doubt: a second acceptance of such a one is not silent."""
    with reading() as connection:
        rows = connection.execute(select(Attempt.delivery_id).where(Attempt.outcome == "unknown")).scalars()
        return {str(encode(DELIVERY, pk)) for pk in rows} & known


def _failed_without_a_refusal(failed: set[str]) -> set[str]:
    with reading() as connection:
        refused = connection.execute(
            select(Attempt.delivery_id).where(Attempt.outcome.in_(("temporary", "permanent"))).group_by(Attempt.delivery_id)
        ).scalars()
        return failed - {str(encode(DELIVERY, pk)) for pk in refused}


def _counters(broadcast: int, states: Mapping[str, Counter[str]]) -> list[str]:
    """The shown counters against COUNT(*)."""
    with reading() as connection:
        shown = counts.closed(connection, broadcast)
    found = []
    for channel, real in states.items():
        closed = {state: count for state, count in real.items() if state in CLOSED_STATES}
        if shown.get(channel, {}) != closed:
            found.append(f"{channel}: the counters say {shown.get(channel, {})}, the rows {closed}")
    return found
