"""The law of the ledger, clause by clause, over a stream of lines: numbers that fit in a hand, however many rows there are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.models.words import BOUNCED, CLOSED_STATES, DELIVERED, IN_APP, OPEN_STATES, PUSH, SENT
from tasks.proof.lines import Line

GOT_THROUGH = (SENT, DELIVERED, BOUNCED)  # a provider took it, whatever became of it then


@dataclass(frozen=True, slots=True)
class Clause:
    """A rule, whether it holds, in words, and the numbers that say so."""

    name: str
    words: str
    holds: bool
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Tally:
    """What is counted while the lines go by. Lines come in their order: a person's lie together."""

    def __init__(self) -> None:
        self.rows = 0
        self.counts: dict[str, Counter[str]] = {}
        self.rounds: Counter[int] = Counter()
        self._before: tuple[int, str] = (0, "")
        self._repeated = self._unproven = self._denied = self._partly = self._twice = self._again = 0

    def add(self, line: Line) -> None:
        """Count one delivery."""
        self.rows += 1
        self.counts.setdefault(line.channel, Counter())[line.state] += 1
        self.rounds[line.round] += 1
        this = (line.person_pk, line.channel)
        self._repeated += this == self._before
        self._before = this
        if line.channel != IN_APP:
            self._outside(line)

    def _outside(self, line: Line) -> None:
        accepted = [attempt for attempt in line.attempts if attempt[3] == "sent"]
        through = line.state in GOT_THROUGH
        self._unproven += through and not accepted
        if not accepted:
            return
        if not through:
            # A push that reached one of a person's devices may wait, expire or be in doubt for the others.
            self._partly += line.channel == PUSH
            self._denied += line.channel != PUSH
        devices = [attempt[5] for attempt in accepted]
        self._twice += len(devices) != len(set(devices))
        self._again += line.channel != PUSH and any(attempt[0] < line.round for attempt in accepted)

    def open_rows(self) -> int:
        """How many deliveries are not closed."""
        return sum(states[state] for states in self.counts.values() for state in OPEN_STATES)

    def clauses(
        self, written: int, audience: int | None, counters: Mapping[str, Mapping[str, int]], last_round: int
    ) -> list[Clause]:
        """Every clause of the law. `written`: people who have rows; `audience`: of how many, None while that is not settled.

        `counters`: {channel: {state: count}} of what is closed, as it is shown.
        """
        sums = {channel: states.total() for channel, states in self.counts.items()}
        closed = {
            channel: {state: count for state, count in sorted(states.items()) if state in CLOSED_STATES}
            for channel, states in self.counts.items()
        }
        shown = {channel: {state: count for state, count in states.items() if count} for channel, states in counters.items()}
        outside = [states for channel, states in self.counts.items() if channel != IN_APP]
        sent = sum(states[state] for states in outside for state in GOT_THROUGH)
        whole = all(total == written for total in sums.values()) and (IN_APP in sums or not written)
        return [
            Clause(
                "audience", "On every channel the states add up to the audience.", whole and audience in (None, written),
                {"audience": audience, "people_with_rows": written, "rows": sums},
            ),
            Clause("once", "Nobody has two rows on one channel.", not self._repeated, {"repeated": self._repeated}),
            Clause(
                "sent_was_accepted", "Whatever is called sent, a provider accepted.", not self._unproven,
                {"sent": sent, "without_acceptance": self._unproven},
            ),
            Clause(
                "accepted_is_sent", "Whatever a provider accepted, is called sent.", not self._denied,
                {"called_otherwise": self._denied, "pushes_that_reached_some_devices": self._partly},
            ),
            Clause(
                "accepted_once", "No provider accepted a message twice.", not self._twice, {"accepted_twice": self._twice}
            ),
            Clause(
                "counters", "The counters that are shown are the numbers of rows.",
                {channel: states for channel, states in closed.items() if states}
                == {channel: dict(sorted(states.items())) for channel, states in shown.items() if states},
                {"rows": closed, "shown": shown},
            ),
            Clause(
                "rounds", "No round sent anything again that had been sent.",
                not self._again and max(self.rounds, default=1) <= last_round,
                {"rounds": last_round, "sent_again": self._again,
                 "rows_by_last_round": {str(number): count for number, count in sorted(self.rounds.items())}},
            ),
        ]
