"""Counting people by several conditions at once, with a limit of time: exactly where that is quick, else by a fair part of them.

The part is made of slices of ids, spread evenly over everybody however soon the time is up. What comes out is what was really
counted, and how large the part was: "more than 12,300; about 31,000".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, select

from tasks.models import Recipient
from tasks.timed import Deadline, TookTooLong, hurried

Condition = ColumnElement[bool]
EXACT, PARTLY = 1.2, 0.8  # seconds: for counting everybody, and then for the slices
SLICES = 256


@dataclass(frozen=True, slots=True)
class Tally:
    """How many met each condition, among `share` of all people (1.0: everybody was looked at, the counts are exact)."""

    counts: tuple[int, ...]
    share: float = 1.0

    @property
    def is_exact(self) -> bool:
        """True where everybody was looked at."""
        return self.share >= 1.0

    def about(self, place: int = 0) -> int:
        """The count of a condition, projected from the part that was looked at."""
        return round(self.counts[place] / self.share) if self.share else 0


def tally(*conditions: Condition, among: Condition | None = None, exact: float = EXACT, partly: float = PARTLY) -> Tally:
    """Count active people by each of `conditions`; `among` bounds whom to look at (default: who meets the only condition).

    Takes at most about `exact` + `partly` seconds.
    """
    where = among if among is not None else conditions[0]
    columns = [func.count()] if among is None else [func.count(case((one, 1))) for one in conditions]
    statement = select(*columns).select_from(Recipient).where(Recipient.is_active, where)
    try:
        with hurried(exact) as connection:
            return Tally(tuple(connection.execute(statement).one()))
    except TookTooLong:
        return _by_slices(columns, where, partly)


def _by_slices(columns: Sequence[ColumnElement[int]], where: Condition, seconds: float) -> Tally:
    deadline, counts, done = Deadline(seconds), [0] * len(columns), 0
    try:
        with hurried(seconds) as connection:
            low, high = _ends(connection)
            width = max(1, -(-(high - low) // SLICES))
            for number in range(SLICES):
                if deadline.is_over:
                    break
                start = low + _spread(number) * width
                part = select(*columns).select_from(Recipient)
                part = part.where(Recipient.is_active, where, Recipient.id >= start, Recipient.id < start + width)
                counts = [sum(pair) for pair in zip(counts, connection.execute(part).one(), strict=True)]
                done += 1
    except TookTooLong:
        pass
    return Tally(tuple(counts), done / SLICES)


def _ends(connection: Connection) -> tuple[int, int]:
    """The ids of everybody, as [low, high)."""
    ends = select(select(func.min(Recipient.id)).scalar_subquery(), select(func.max(Recipient.id)).scalar_subquery())
    low, high = connection.execute(ends).one()
    return low or 0, (high or 0) + 1


def _spread(number: int) -> int:
    """The numbers below SLICES in an order whose every beginning is spread evenly: their bits turned round."""
    bits = SLICES.bit_length() - 1
    return int(f"{number:0{bits}b}"[::-1], 2)
