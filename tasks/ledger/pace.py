"""How fast a lane may go: its broadcast's own rate and its channel's, taken in the transaction that leases its rows.

What is no broadcast keeps its channel's rate by itself and does not wait for broadcasts: what it hands over is owed by the
channel, and the broadcasts pay it back. In-app rows are handed to no provider, so no rate concerns them.
"""

from sqlalchemy import Connection

from tasks.config import settings
from tasks.ledger import rate
from tasks.ledger.rate import Limit

# Units that a worker may come late for, at rates of one a second and below: it looks once a second. Above: a second's worth.
SPARE = 2.0


class Pace:
    """The limits of one look at a lane. `wait`: seconds until something is free, where that look got less than it wanted."""

    def __init__(self, limits: tuple[Limit, ...], owed: Limit | None = None) -> None:
        self._limits, self._owed = limits, owed
        self._taken: list[tuple[Limit, int]] = []
        self.wait = 0.0

    def is_spent(self) -> bool:
        """True where nothing is free now: a look that takes no write lock."""
        self.wait = max((rate.look(limit).wait for limit in self._limits), default=0.0)
        return self.wait > 0

    def take(self, connection: Connection, wanted: int) -> int:
        """Take up to `wanted` units of every limit, in the transaction that will `settle`. Returns how many were had of all."""
        for limit in self._limits:  # always in the same order, the shared limit last: nobody waits in a circle
            found = rate.take(limit, wanted, connection=connection)
            wanted = found.granted
            self.wait = max(self.wait, found.wait)
            self._taken.append((limit, wanted))
        return wanted

    def settle(self, connection: Connection, used: int) -> None:
        """Give back what was taken above `used`."""
        for limit, count in self._taken:
            rate.give_back(limit, count - used, connection=connection)
        if self._owed and used:
            rate.owe(self._owed, used, connection=connection)

    def give_back(self, count: int) -> None:
        """Return what was leased and not handed to the provider after all."""
        for limit in (*self._limits, *((self._owed,) if self._owed else ())):
            rate.give_back(limit, count)


FREE = Pace(())  # no limit: nothing is taken, and nothing remembered


def of(channel: str, broadcast_pk: int | None, per_minute: int | None) -> Pace:
    """The pace of a lane: `per_minute` is its broadcast's own rate."""
    shared = channel_rate(channel)
    if broadcast_pk is None:
        return Pace((_limit(f"channel:{channel}:single", shared),), _limit(f"channel:{channel}", shared)) if shared else Pace(())
    own = (_limit(f"broadcast:{broadcast_pk}", per_minute),) if per_minute else ()
    return Pace((*own, *((_limit(f"channel:{channel}", shared),) if shared else ())))


def count(channel: str, units: int) -> None:
    """Count messages that were handed over in their caller's own thread: they wait for nothing, others pay."""
    shared = channel_rate(channel)
    if shared and units:
        for name in (f"channel:{channel}:single", f"channel:{channel}"):
            rate.owe(_limit(name, shared), units)


def channel_rate(channel: str) -> int:
    """Messages a minute that a channel's provider takes, all processes together; 0: no limit."""
    return int(getattr(settings(), f"{channel}_rate"))


def _limit(name: str, per_minute: float) -> Limit:
    return Limit(name, per_minute, burst=max(SPARE, per_minute / 60.0), full=False)
