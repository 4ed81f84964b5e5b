"""The mails of one hand-over, shared by several sessions; and what it means when a server refuses all of them alike."""

import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from tasks.channels.base import ChannelError, Pair, TargetResult
from tasks.channels.outcome import failure

DENIED = re.compile(r"5\.7\.\d+")  # security and policy (RFC 3463, section 3.8), as an answer begins


class Lot:
    """The mails of a hand-over. Sessions take one after the other; `found` gets their results."""

    def __init__(self, pairs: Sequence[Pair], until: float) -> None:
        """`until`: the moment of time.monotonic() from which on no further mail is taken."""
        self.pairs = pairs
        self.found: dict[int, TargetResult] = {}
        self._waiting = deque(range(len(pairs)))
        self._until = until
        self._error: ChannelError | None = None

    def take(self) -> int | None:
        """The place of the next mail; None where none is left, or no time."""
        if time.monotonic() > self._until:
            return None
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def leave(self, error: ChannelError, place: int | None = None) -> None:
        """Leave the mails, and the one just taken, to other sessions: this one did not come about."""
        self._error = error
        if place is not None:
            self._waiting.appendleft(place)

    def results(self) -> list[TargetResult]:
        """One result a mail, in order. What no session took was surely not sent."""
        slow = ChannelError("The mail server takes too long.", code="busy")
        return [
            self.found.get(place) or failure(target, self._error or slow) for place, (_, target) in enumerate(self.pairs)
        ]


class Denials:
    """A server that refuses everybody's mail for reasons of policy refuses us: our address, our sender, our right to relay.

    RFC 3463 leaves open whom X.7.1 is about ("per-host or per-recipient filtering"). Where recipients of several domains get the
    same answer it is about us: then nobody's mail is given up for it, until one gets through or fares otherwise.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._denied = ""

    def judged(self, results: list[TargetResult]) -> list[TargetResult]:
        """The results of a hand-over, those refused for what we are as a matter of configuration."""
        reached = [result for result in results if result.code.isdigit()]
        answers = {_denial(result) for result in reached}
        denied = answers.pop() if len(answers) == 1 else ""
        domains = {result.target.address.rpartition("@")[2].lower() for result in reached}
        with self._lock:
            if reached and not (denied and (len(domains) > 1 or denied == self._denied)):
                self._denied = ""
                return results
            self._denied = denied or self._denied
        return [replace(result, status="configuration") if result.code.isdigit() else result for result in results]


def _denial(result: TargetResult) -> str:
    """The answer's codes where it is a refusal for reasons of policy, else ""."""
    found = DENIED.match(result.response) if result.status == "permanent" else None
    return f"{result.code} {found[0]}" if found else ""
