"""How often an address may fail before it has to wait, and how many requests a caller may make.

Failures are counted in memory: what one process sees is enough to stop a guesser. Requests are counted in the database, for all
processes together, in blocks: a process takes half a second's worth at once and serves it without asking again.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from tasks.ledger import rate
from tasks.ledger.rate import Limit

WINDOW = 60  # seconds that a rate is counted over; so much of it may come at once
BLOCKS = 120  # a window's worth is taken in this many blocks: a process holds back less than 1 % of it

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a caller has left of `quota` requests a minute: `remaining`, all of them again in `reset` seconds.

    `wait`: 0 where the request may go on, else seconds until the next one may.
    """

    policy: str
    quota: int
    remaining: int
    reset: int
    wait: int = 0

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-11."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


def headers(budgets: Sequence[Budget]) -> dict[str, str]:
    """The fields for several budgets of one call."""
    each = [budget.headers() for budget in budgets]
    return {name: ", ".join(one[name] for one in each) for name in (each[0] if each else ())}


@dataclass(slots=True)
class _Share:
    """What this process holds of a name's units, and what it knows of the rest."""

    units: int = 0
    others: float = 0.0  # free in the database at `at`
    at: float = 0.0
    shut_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Budgets:
    """The requests of callers, counted across processes."""

    def __init__(self, *, names: int = 10_000) -> None:
        self._names = names
        self._guard = threading.Lock()
        self._shares: dict[str, _Share] = {}

    def spend(self, policy: str, name: str, quota: int, units: int = 1) -> Budget:
        """Count `units` (1 to `quota`) of `name`, who may have `quota` a minute: all of them, or none where `wait` is set."""
        share, limit = self._share(name), Limit(name, quota, burst=quota)
        with share.lock:
            now = time.monotonic()
            wait = max(0.0, share.shut_until - now)
            if share.units < units and units > 1:
                wait = self._add(share, limit, units - share.units, now)
            elif not share.units and not wait:
                self._refill(share, limit, now)
                wait = share.shut_until - now
            if share.units >= units:
                share.units -= units
                return _budget(policy, quota, share, now, 0)
            return _budget(policy, quota, share, now, max(1, math.ceil(wait)))

    def _share(self, name: str) -> _Share:
        with self._guard:
            share = self._shares.setdefault(name, _Share())
            if len(self._shares) > self._names:  # the longest known is forgotten; what it held comes back by itself
                del self._shares[next(iter(self._shares))]
            return share

    def _add(self, share: _Share, limit: Limit, missing: int, now: float) -> float:
        """Take all that is missing for a call of many. Returns the seconds to wait where there is less: it shuts nobody out."""
        try:
            grant = rate.take(limit, missing, whole=True)
        except DBAPIError:
            log.warning("the rate of %s could not be counted", limit.name)
            share.units += missing
            return 0.0
        share.units, share.others, share.at = share.units + grant.granted, grant.remaining, now
        return grant.wait

    def _refill(self, share: _Share, limit: Limit, now: float) -> None:
        block = max(1, int(limit.per_minute) // BLOCKS)
        try:
            grant = rate.take(limit, block)
        except DBAPIError:  # locked, or away: whoever only reads need not wait for it
            log.warning("the rate of %s could not be counted", limit.name)
            share.units = block
            return
        share.units, share.others, share.at = grant.granted, grant.remaining, now
        share.shut_until = 0.0 if grant.granted else now + grant.wait


def _budget(policy: str, quota: int, share: _Share, now: float, wait: int) -> Budget:
    back = (now - share.at) * quota / WINDOW if share.at else 0.0
    remaining = 0 if wait else min(quota, int(share.others + back) + share.units)
    return Budget(policy, quota, remaining, math.ceil((quota - remaining) * WINDOW / quota), wait)


class Failures:
    """Counts failures by address: `most` within `window` seconds, then the address waits until the oldest is past."""

    def __init__(self, most: int, window: float, *, addresses: int = 10_000) -> None:
        self._most = most
        self._window = window
        self._addresses = addresses
        self._lock = threading.Lock()
        self._seen: dict[str, deque[float]] = {}

    def too_many(self, address: str) -> bool:
        """True while the address has to wait."""
        with self._lock:
            return address in self._seen and len(self._recent(address)) >= self._most

    def note(self, address: str) -> None:
        """One more failure of the address."""
        with self._lock:
            self._recent(address).append(time.monotonic())
            if len(self._seen) > self._addresses:  # a flood from everywhere: the longest known are forgotten first
                del self._seen[next(iter(self._seen))]

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._seen.clear()

    def _recent(self, address: str) -> deque[float]:
        times = self._seen.setdefault(address, deque(maxlen=self._most))
        horizon = time.monotonic() - self._window
        while times and times[0] < horizon:
            times.popleft()
        return times
