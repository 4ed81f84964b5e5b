"""Turns, medians and the line that comes of them."""

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. `ratio` is the time taken by that of the reference; `held`: the target was reached."""

    name: str
    figure: str
    reference: str
    ratio: float | None
    target: str
    held: bool | None


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds of each round, ours and the reference's."""

    ours: list[float]
    bare: list[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' own ratios: what loads the machine for a while loads both."""
        return statistics.median(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def turns(ours: Callable[[], float], bare: Callable[[], float], rounds: int) -> Turns:
    """Let both take turns, each returning its own seconds; who begins changes from round to round."""
    taken: dict[Callable[[], float], list[float]] = {ours: [], bare: []}
    for number in range(rounds):
        for one in (ours, bare) if number % 2 == 0 else (bare, ours):
            taken[one].append(one())
    return Turns(taken[ours], taken[bare])


def rate(count: int, taken: list[float]) -> str:
    """So many a second, of the median round."""
    return f"{count / statistics.median(taken):,.0f}/s"


def percentile(taken: list[float], part: int) -> float:
    """The value below which `part` percent lie."""
    return statistics.quantiles(taken, n=100, method="inclusive")[part - 1]


def peak_memory() -> float:
    """MB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
