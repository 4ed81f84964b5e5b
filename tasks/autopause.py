"""A broadcast that goes wrong stops itself: past a share of failures on a channel it waits for a human.

An outage is another matter: while a provider does not answer nothing fails (tasks.ledger.breaker), and it goes on by itself.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from flask import current_app
from sqlalchemy import Connection, select

from tasks import control
from tasks.config import settings
from tasks.database import reading
from tasks.errors import UnknownBroadcast, WrongState
from tasks.ledger import counts
from tasks.models import Broadcast, Delivery
from tasks.models.delivery import TROUBLE
from tasks.models.types import AnyRow
from tasks.models.words import BOUNCED, CHANNEL_NAMES, DELIVERED, EXPANDING, FAILED, REASONS, SENDING, SENT, UNKNOWN

ACTOR = "auto-pause"
FAILURES = (FAILED, BOUNCED)  # what was skipped, expired or is in doubt says nothing against the provider or the list
TRIED = (SENT, DELIVERED, UNKNOWN, *FAILURES)
RECENT = 10  # the latest rows, this many times AUTO_PAUSE_AFTER, are judged by themselves: a provider may turn bad half-way
SAMPLE = 1_000  # failures read to find the most frequent reason

Counts = Mapping[str, Mapping[str, int]]  # {channel: {state: count}}


def look() -> list[int]:
    """Pause every running broadcast with too many failures on a channel. Returns which.

    Call it about once a second in every worker: a few short reads while nothing is wrong. Of several workers that see the same
    one pauses it. What failed before a human resumed it is forgiven.
    """
    share, after = settings().auto_pause_share, settings().auto_pause_after
    if not share or not after:
        return []
    with reading() as connection:
        found = list(_too_bad(connection, share, after))
    return [row.pk for row, reason in found if _pause(row, reason)]


def _too_bad(connection: Connection, share: float, after: int) -> Iterator[tuple[AnyRow, str]]:
    columns = (Broadcast.pk.label("pk"), Broadcast.version, Broadcast.pause_baseline)
    rows = connection.execute(select(*columns).where(Broadcast.state.in_((EXPANDING, SENDING)))).all()
    windows: dict[int, tuple[int, Counts]] = current_app.extensions.setdefault("carillon.autopause", {})
    for gone in windows.keys() - {row.pk for row in rows}:
        del windows[gone]
    for row in rows:
        closed = counts.closed(connection, row.pk)
        version, recent = windows.get(row.pk, (row.version, closed))
        if version != row.version:  # somebody paused and resumed it meanwhile
            recent = closed
        bad = _judged(closed, row.pause_baseline or {}, share, after) or _judged(closed, recent, share, after * RECENT)
        full = any(_grown(closed, recent, channel, TRIED) >= after * RECENT for channel in closed)
        windows[row.pk] = (row.version, closed if full else recent)
        if bad:
            yield row, f"{bad[1]} {_why(connection, row.pk, bad[0])}".strip()


def _judged(closed: Counts, base: Counts, share: float, after: int) -> tuple[str, str] | None:
    """The first channel that failed too much since `base`, and that in words; None where all is well."""
    for channel in closed:
        tried, failed = _grown(closed, base, channel, TRIED), _grown(closed, base, channel, FAILURES)
        if tried >= after and failed > tried * share:
            percent = 100 * failed // tried
            return channel, f"{CHANNEL_NAMES[channel]}: {failed:,} of {tried:,} failed ({percent}%)."
    return None


def _grown(closed: Counts, base: Counts, channel: str, states: tuple[str, ...]) -> int:
    now, before = closed[channel], base.get(channel, {})
    return sum(max(now.get(state, 0) - before.get(state, 0), 0) for state in states)


def _why(connection: Connection, pk: int, channel: str) -> str:
    """The most frequent reason of the latest failures, with what the provider said most often along with it."""
    query = select(Delivery.reason, Delivery.detail).where(
        TROUBLE, Delivery.broadcast_id == pk, Delivery.state.in_(FAILURES), Delivery.channel == channel
    )
    rows = connection.execute(query.limit(SAMPLE)).all()
    if not rows:
        return ""
    reason = Counter(row.reason for row in rows).most_common(1)[0][0]
    detail = Counter(row.detail for row in rows if row.reason == reason).most_common(1)[0][0]
    said = REASONS.get(reason, f"Code {reason}." if reason else "")
    words = f" It said: {detail.rstrip('.')}." if detail and detail != said else ""
    return f"Most often: {said}{words}"


def _pause(row: AnyRow, reason: str) -> bool:
    try:
        control.pause(row.pk, ACTOR, reason=reason, version=row.version)
    except (WrongState, UnknownBroadcast):  # another worker or a human was faster
        return False
    return True
