"""Below the queue: claim rows that are due, hand them to the channel's provider, write down what became of them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tasks import channels
from tasks.channels.base import Channel, Message, Outcome
from tasks.database import writing
from tasks.insist import insist
from tasks.ledger import lease, told
from tasks.ledger.breaker import Permit
from tasks.ledger.result import close, record
from tasks.models.types import utcnow
from tasks.work import Answers, Work, answers, impossible, switch_off

CLAIM = 256  # rows leased at once, at most: eight hand-overs of a fast provider
CALLERS = 5.0  # seconds that who called and waits is made to wait while the database is away
AHEAD = 0.5  # seconds' worth of rows in a claim
PATIENCE = 100.0  # seconds that a claim is worked on: what was not handed over by then must not outlive its lease


def room(provider: Channel) -> int:
    """How many rows to lease for a provider: half a second's work at its pace of late, so that what is urgent waits no longer."""
    return max(provider.batch, min(CLAIM, round(provider.pace * AHEAD))) if provider.pace else CLAIM // 4


def send(
    channel: str,
    work: Sequence[Work],
    token: str,
    process_id: int,
    *,
    handed: bool = False,
    permit: Permit = "healthy",
    stopping: Callable[[], bool] = lambda: False,
    patience: float = CALLERS,
) -> int:
    """Send leased deliveries of one channel, a hand-over at a time. Returns how many were handed to the provider.

    What is left goes back to the queue when `stopping` says so, when the provider is in trouble, or when it takes too long.
    `handed`: the rows were marked as handed over when they were written. No transaction is open while a provider is spoken to.
    `patience`: seconds for which results are kept while the database is away.
    """
    if not work:
        return 0
    provider = channels.provider(channel)
    started = time.monotonic()
    insisting = partial(insist, seconds=patience, stopping=stopping)
    flow = _Flow(provider, token, process_id, permit, insisting, alone=len(work) <= provider.batch)
    gone = 0
    try:
        while gone < len(work) and not stopping() and time.monotonic() - started < PATIENCE:
            batch = work[gone : gone + provider.batch]  # rendered here, while the one before is on the wire
            if not flow.take(batch, handed=handed):
                break
            gone += len(batch)
    finally:
        flow.end()
    insisting(lambda _: lease.release([entry.delivery_id for entry in work[gone:]], token))
    provider.pace = gone / (time.monotonic() - started)
    return flow.handed


class _Flow:
    """One hand-over at a time is on the wire, and the next is rendered meanwhile; its results are written as the next goes out.

    Never two at once, or a pause would be followed by both. `alone`: there is only one, so it needs no thread.
    """

    def __init__(
        self, provider: Channel, token: str, process_id: int, permit: Permit, insisting: Callable[..., Any], *, alone: bool
    ) -> None:
        self._provider, self._token, self._process_id, self._permit = provider, token, process_id, permit
        self._insisting = insisting  # tasks.insist: what went out must be written, however long the database is away
        self._thread = None if alone else ThreadPoolExecutor(1, thread_name_prefix=f"carillon-wire-{provider.name}")
        self.handed = 0
        self._flying: tuple[list[Work], datetime, Callable[[], list[Outcome]]] | None = None

    def take(self, batch: Sequence[Work], *, handed: bool) -> bool:
        """Hand the batch over once the one before has its answers. False where those say that the provider is in trouble."""
        before = self._landed()
        if before and before.failing:
            self._close(before)
            return False
        cannot_go = [impossible(entry) for entry in batch if entry.message is None]
        possible = [entry for entry in batch if entry.message is not None]
        ids = {entry.delivery_id for entry in possible}
        known = before or Answers([], [])
        known.results.extend(cannot_go)
        if not handed:
            ids = self._swap(known, ids)
        elif known.results:
            self._close(known)
        self.handed += len(ids)
        self._launch([entry for entry in possible if entry.delivery_id in ids])
        return True

    def end(self) -> None:
        """Wait for what is on the wire and write what became of it."""
        try:
            last = self._landed()
            if last:
                self._close(last)
        finally:
            if self._thread:
                self._thread.shutdown()

    def _swap(self, before: Answers, ids: set[int]) -> set[int]:
        """Write what is known and hand over `ids`: one commit for both."""

        def swapped(again: bool) -> set[int]:
            with writing() as connection:
                if before.results:
                    record(connection, before.results, before.tries, self._token, self._process_id, again=again)
                return lease.mark(connection, list(ids), self._token, self._process_id) if ids else set()

        try:
            going: set[int] = self._insisting(swapped)
        except SQLAlchemyError:
            if before.tries:  # they have gone out: at least their results must not be lost
                self._close(before)
            raise
        told.tell(before.results, before.tries)
        switch_off(before.dead)
        return going

    def _close(self, known: Answers) -> None:
        self._insisting(lambda again: close(known.results, known.tries, self._token, self._process_id, again=again))
        switch_off(known.dead)

    def _launch(self, going: Sequence[Work]) -> None:
        real = [entry for entry in going if not entry.is_simulated]
        if real:
            call = partial(self._provider.send, _messages(real))
            self._flying = (real, utcnow(), self._thread.submit(call).result if self._thread else call)
        tests = [entry for entry in going if entry.is_simulated]
        if tests:
            known = answers(channels.stand_in(), tests, utcnow(), channels.stand_in().send(_messages(tests)), self._permit)
            self._close(replace(known, dead=()))  # the simulator speaks of devices that are real

    def _landed(self) -> Answers | None:
        flying, self._flying = self._flying, None
        if flying is None:
            return None
        batch, started, answered = flying
        return answers(self._provider, batch, started, answered(), self._permit)


def _messages(batch: Sequence[Work]) -> list[Message]:
    return [entry.message for entry in batch if entry.message is not None]
