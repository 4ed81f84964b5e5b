"""What one rendering may cost: steps counted in loops, filters and operators, and a clock behind them."""

import time
from typing import Any

from jinja2.runtime import Context

from tasks.rendering.limits import DEADLINE, FUEL, MAX_VALUE
from tasks.rendering.problem import Exhausted, Unusable

LOOK_EVERY = 2_000  # steps between two looks at the clock


class Budget:
    """The steps that are left. Counting makes the same template fail in the same place on every machine."""

    __slots__ = ("_deadline", "_look", "left")

    def __init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        """Start over for the next part or person."""
        self.left = FUEL
        self._look = FUEL - LOOK_EVERY
        self._deadline = time.monotonic() + DEADLINE

    def spend(self, steps: int) -> None:
        """Take steps off. Raises Exhausted where none are left, or the time is over."""
        self.left -= steps
        if self.left >= self._look:
            return
        if self.left < 0:
            raise Exhausted("it takes too many steps: shorten its loops, or give it less data")
        self._look = self.left - LOOK_EVERY
        if time.monotonic() > self._deadline:
            raise Exhausted(f"it takes longer than {DEADLINE:g} s")

    def text(self, length: int) -> None:
        """Pay for a text about to be made. Raises Unusable where it would be too long."""
        if length > MAX_VALUE:
            raise Unusable(f"a text of {length} characters is too long; {MAX_VALUE} are allowed")
        self.spend(1 + (length >> 6))


class RunContext(Context):
    """Jinja's context, with the budget that filters and operators pay from."""

    budget: Budget


def weigh(value: Any, room: int) -> int:
    """The steps it takes to walk through a value, at most `room` + 1: one an item, one for each 64 characters."""
    if isinstance(value, str):
        return 1 + (len(value) >> 6)
    if not isinstance(value, (list, tuple, dict)):
        return 1
    total = 1 + len(value)
    for item in value.values() if isinstance(value, dict) else value:
        if total > room:
            return room + 1
        total += weigh(item, room - total)
    return total
