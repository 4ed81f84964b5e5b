"""Step three of a delivery: the result, fenced by the lease's token, with its attempts and counters in one transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, bindparam, case, insert, select, update

from tasks import outbox
from tasks.database import writing
from tasks.direct import Direct
from tasks.ledger import counts, json_rows, told
from tasks.models import Attempt, Delivery
from tasks.models.types import UtcDateTime, db_clock
from tasks.models.words import CLOSED_STATES, SENDING, UNKNOWN

RESPONSE_LIMIT = 2_000  # characters of a provider's words that are kept


@dataclass(frozen=True, slots=True)
class Result:
    """What a delivery becomes. `delay` (seconds) is for retrying and queued; `spent` is False where the try does not count.

    `is_test`: it counts in no figure.
    """

    delivery_id: int
    broadcast_id: int | None
    channel: str
    state: str
    reason: str = ""
    detail: str = ""
    provider: str = ""
    delay: float | None = None
    spent: bool = True
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Try:
    """One line of the delivery log: a try at one target."""

    delivery_id: int
    number: int
    provider: str
    target: str
    device_id: int | None
    outcome: str
    code: str
    response: str
    provider_ref: str
    started_at: datetime
    duration_ms: int
    round: int = 1


_CLOSED = json_rows.source("p_rows")  # [delivery, detail]
# One statement for all rows that become the same. A late answer may settle a row that is `unknown`; it never finds one that is
# closed otherwise, because closing takes the token away.
_CLOSE = Direct(
    update(Delivery)
    .where(
        Delivery.pk == json_rows.column(_CLOSED, 0, BigInteger()),
        Delivery.lease_token == bindparam("p_token"),
        Delivery.state == bindparam("p_from"),
    )
    .values(
        state=bindparam("p_state"),
        reason=bindparam("p_reason"),
        detail=json_rows.column(_CLOSED, 1),
        provider=bindparam("p_provider"),
        attempt_count=Delivery.attempt_count - bindparam("p_unspent"),
        next_attempt_at=db_clock(bindparam("p_delay")),
        closed_at=case((bindparam("p_closed") == 1, db_clock()), else_=None),
        lease_token=case((bindparam("p_keep") == 1, Delivery.lease_token), else_=None),  # unknown: a late answer may settle it
        lease_until=None,
        leased_by=None,
    )
    .returning(Delivery.pk)
)
_TRIED = json_rows.source("p_rows")
_NUMBERS = {
    "delivery_id": BigInteger(), "device_id": BigInteger(), "round": Integer(), "number": Integer(), "duration_ms": Integer(),
}
_WORDS = ("provider", "target", "outcome", "code", "response", "provider_ref")
_LOG = Direct(insert(Attempt).from_select(
    [*_NUMBERS, *_WORDS, "started_at"],
    select(
        *(json_rows.column(_TRIED, position, kind) for position, kind in enumerate(_NUMBERS.values())),
        *(json_rows.column(_TRIED, position) for position, _ in enumerate(_WORDS, len(_NUMBERS))),
        bindparam("p_started", type_=UtcDateTime()),
    ),
))


def close(results: Sequence[Result], tries: Sequence[Try], token: str, slot: int, *, again: bool = False) -> int:
    """Write what became of a hand-over. Returns how many rows took it: the others had been taken away from this lease.

    `again`: an earlier call failed, perhaps only after its commit; what it has written then is left as it is.
    """
    with writing() as connection:
        done = record(connection, results, tries, token, slot, again=again)
    told.tell(results, tries)
    return done


def record(
    connection: Connection, results: Sequence[Result], tries: Sequence[Try], token: str, slot: int, *, again: bool = False
) -> int:
    """What `close` does, in the caller's transaction; the log and the metrics are the caller's to tell."""
    if again and tries and _is_logged(connection, tries[0]):
        return 0
    changes: Counter[counts.Key] = Counter()
    done = {pk for same in _alike(results) for pk in _close(connection, same, token, changes)}
    for started, together in groupby(tries, key=attrgetter("started_at")):
        _LOG.run(connection, {"p_started": started, "p_rows": json_rows.dump([_line(entry) for entry in together])})
    counts.add(connection, slot, changes)
    outbox.deliveries(connection, {one.delivery_id: (one.state, one.reason) for one in results if one.delivery_id in done})
    return len(done)


def _is_logged(connection: Connection, entry: Try) -> bool:
    same = (Attempt.delivery_id == entry.delivery_id, Attempt.number == entry.number, Attempt.round == entry.round)
    return connection.execute(select(Attempt.id).where(*same, Attempt.started_at == entry.started_at)).first() is not None


def _alike(results: Sequence[Result]) -> Iterable[list[Result]]:
    """The results in groups that differ in nothing but the row and the provider's words."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        groups.setdefault((result.state, result.reason, result.provider, result.spent, result.delay), []).append(result)
    return groups.values()


def _close(connection: Connection, alike: Sequence[Result], token: str, changes: Counter[counts.Key]) -> set[int]:
    ours = _write(connection, alike, token, SENDING)
    taken_away = [result for result in alike if result.delivery_id not in ours]
    settled = _write(connection, taken_away, token, UNKNOWN) if taken_away else set()
    for result in alike:
        if result.delivery_id in ours or result.delivery_id in settled:
            _count(changes, result)
        if result.delivery_id in settled and result.broadcast_id is not None:
            changes[result.broadcast_id, result.channel, UNKNOWN] -= 1
    return ours | settled


def _write(connection: Connection, alike: Sequence[Result], token: str, origin: str) -> set[int]:
    one = alike[0]
    rows = [(result.delivery_id, result.detail[:RESPONSE_LIMIT]) for result in alike]
    given = {
        "p_rows": json_rows.dump(rows),
        "p_token": token,
        "p_from": origin,
        "p_state": one.state,
        "p_reason": one.reason,
        "p_provider": one.provider,
        "p_unspent": 0 if one.spent else 1,
        "p_delay": one.delay or 0.0,
        "p_closed": int(one.state in CLOSED_STATES),
        "p_keep": int(one.state == UNKNOWN),
    }
    return {row.id for row in _CLOSE.all(connection, given)}


def _count(changes: Counter[counts.Key], result: Result) -> None:
    if result.broadcast_id is not None and result.state in CLOSED_STATES:
        changes[result.broadcast_id, result.channel, result.state] += 1


def _line(entry: Try) -> tuple[Any, ...]:
    """In the order of _NUMBERS and _WORDS."""
    return (
        entry.delivery_id,
        entry.device_id,
        entry.round,
        entry.number,
        entry.duration_ms,
        entry.provider,
        entry.target,
        entry.outcome,
        entry.code[:200],
        entry.response[:RESPONSE_LIMIT],
        entry.provider_ref[:200],
    )
