"""The Huey tasks: each only wakes up what works on the ledger. Losing any of them costs at most one tick of the worker."""

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tasks import autopause, broadcasts, channels, control, deliver, expand, figures, reopen, timetable
from tasks.channels.base import ending
from tasks.claim import claim
from tasks.config import settings
from tasks.database import reading
from tasks.imports import run as imports
from tasks.ledger import breaker, lease
from tasks.ledger import pace as paces
from tasks.ledger.processes import current_process_id
from tasks.ledger.reap import reap
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.queue import task
from tasks.safety import canary
from tasks.webhooks import calling

EXPANDING = 2  # broadcasts that one process expands at once
SHORTEST = 0.1  # seconds between two looks at a lane that is out of its rate: a look a row would be a storm
LONGEST = 1.0  # seconds that a loop waits for a rate; after that the tick asks again

log = logging.getLogger(__name__)
stopping = ending  # set by the worker when it is asked to end: loops leave between two hand-overs
beside: list[threading.Thread] = []  # jobs that run outside the queue's threads, because it is away
_running: set[str] = set()
_again: set[str] = set()
_guard = threading.Lock()
_expanding = threading.BoundedSemaphore(EXPANDING)
_rests: dict[str, dict[int | None, float]] = defaultdict(dict)  # {channel: {lane: when its rate lets it go on, monotonic}}
_turn = count()


def wake(names: Collection[str]) -> None:
    """Ask a worker to look at what is no broadcast on these channels. One that fails is logged and forgotten: the tick looks."""
    for name in names:
        if name in OUTSIDE_CHANNELS:
            _call(deliver_singles, name)


def wake_lanes(names: Collection[str]) -> None:
    """Ask a worker to look at all lanes of these channels."""
    for name in names:
        if name in OUTSIDE_CHANNELS:
            _call(deliver_channel, name)


def wake_broadcast(pk: int) -> None:
    """Ask a worker to expand a broadcast."""
    _call(expand_broadcast, pk)


def wake_import(pk: int) -> None:
    """Ask a worker to see to an import."""
    _call(run_import, pk)


def _call(job: object, *arguments: object) -> bool:
    try:
        job(*arguments)  # type: ignore[operator]
        return True
    except Exception as error:  # whatever the queue's store raises: the work is safe in the database
        log.warning("wake-up failed", extra={"error": str(error), "job": getattr(job, "__name__", "")})
        return False


def _see_to(job: Any, *arguments: object) -> None:
    """Ask for a job as everybody does; where the queue is away, this worker does it itself, in a thread beside the others."""
    if not _call(job, *arguments):
        name = f"carillon-beside {job.task_class.__name__} {arguments}"
        if name not in {thread.name for thread in threading.enumerate()}:
            beside.append(threading.Thread(target=job.call_local, args=arguments, name=name, daemon=True))
            beside[-1].start()
    beside[:] = [thread for thread in beside if thread.is_alive()]


@task
def deliver_singles(channel: str) -> None:
    """Deliver what is no broadcast, in a loop of its own: no broadcast's hand-over is waited for."""
    with _alone(f"singles {channel}") as turns:
        for _ in turns:
            while not stopping.is_set() and _serve(channel, None):
                pass


@task
def deliver_channel(channel: str) -> None:
    """Deliver what is due on a channel, until nothing is. One loop a channel and process: a slow one holds up no other."""
    with _alone(f"deliver {channel}") as turns:
        for _ in turns:
            while not stopping.is_set() and (_round(channel) or _rest(channel)):
                pass


def _round(channel: str) -> int:
    """One turn over the lanes: what is not a broadcast goes first, and again between any two broadcasts. Returns rows taken.

    Each turn begins with another broadcast: where a channel's rate is short, they get their share of it in turn.
    """
    rates = lease.lanes(channel)
    for lane in _rests[channel].keys() - rates.keys():
        _rests[channel].pop(lane, None)
    broadcast_pks = list(rates)[1:]
    first = next(_turn) % len(broadcast_pks) if broadcast_pks else 0
    taken = 0
    for lane in broadcast_pks[first:] + broadcast_pks[:first] or [None]:
        taken += _serve(channel, None)
        if lane is not None:
            taken += _serve(channel, lane, rates[lane])
    return taken


def _serve(channel: str, lane: int | None, per_minute: int | None = None) -> int:
    if stopping.is_set() or _rests[channel].get(lane, 0.0) > time.monotonic():
        return 0
    _rests[channel].pop(lane, None)
    provider = channels.provider(channel)
    permit = breaker.permit(provider.name, lambda: lease.has_due(channel, lane))
    if permit == "open":
        return 0
    process, pace = current_process_id(), paces.of(channel, lane, per_minute)
    token, work = claim(channel, lane, 1 if permit == "probe" else deliver.room(provider), process, pace)
    if pace.wait:
        _rests[channel][lane] = time.monotonic() + max(pace.wait, SHORTEST)
    if work:
        with lease.abandoned_on_error(token):
            handed = deliver.send(
                channel, work, token, process, permit=permit, stopping=stopping.is_set, patience=lease.LEASE
            )
            pace.give_back(len(work) - handed)
    return len(work)


def _rest(channel: str) -> bool:
    """Wait until the rate of some lane lets it go on. False where none waits for that, or longer than until the next tick."""
    soonest = min(list(_rests[channel].values()), default=math.inf) - time.monotonic()
    if soonest > LONGEST:
        return False
    stopping.wait(max(0.0, soonest))
    return True


@task
def expand_broadcast(pk: int) -> None:
    """Write the rows of a broadcast, or put those of its next round back into the queue."""
    if not _expanding.acquire(blocking=False):
        return  # the threads are for those who deliver too; the tick asks again
    try:
        with _alone(f"expand {pk}") as turns:
            for _ in turns:
                expand.expand(pk, stopping.is_set, wake_lanes)
                reopen.reopen(pk, stopping.is_set, wake_lanes)
    finally:
        _expanding.release()
    broadcasts.finish()


@task
def call_webhooks() -> None:
    """Tell the webhooks that are due."""
    with _alone("webhooks") as turns:
        for _ in turns:
            calling.call_due(stopping.is_set)


@task
def count_figures() -> None:
    """Count what the start page charts."""
    with _alone("figures") as turns:
        for _ in turns:
            figures.count(stopping.is_set)


@task
def run_import(pk: int) -> None:
    """Check the rows of a file, or write those that are good."""
    with _alone("import") as turns:  # one at a time: the threads are for those who deliver
        for _ in turns:
            imports.run(pk, stopping.is_set)


def tick() -> None:
    """Once a second in every worker: whatever a lost wake-up left lying is found here."""
    timetable.turn()
    canary.look()
    for pk in (*broadcasts.due(), *reopen.waiting()):
        _see_to(expand_broadcast, pk)
    for channel in _channels_due():
        _see_to(deliver_channel, channel)
    broadcasts.finish()
    autopause.look()  # after it: what has nothing left to send needs no human
    with reading() as connection:
        cancelled = broadcasts.unswept(connection)
    for pk in cancelled:
        control.sweep_cancelled(pk, current_process_id())
    for pk in imports.due()[:1]:
        _see_to(run_import, pk)
    if calling.is_due():
        _see_to(call_webhooks)
    if figures.is_due():
        _see_to(count_figures)


def reap_orphans() -> int:
    """Free what dead processes hold. Returns how many rows."""
    return reap(lambda channel: channels.provider(channel).idempotent, settings().retry_delays, current_process_id())


def _channels_due() -> list[str]:
    return [channel for channel in OUTSIDE_CHANNELS if any(lease.has_due(channel, lane) for lane in lease.lanes(channel))]


@contextmanager
def _alone(name: str) -> Iterator[Iterator[None]]:
    """Let one thread of this process do `name`; a second one only notes that there is more to do, and leaves."""
    with _guard:
        busy = name in _running
        (_again if busy else _running).add(name)
    if busy:
        yield iter(())
        return
    try:
        yield _turns(name)
    finally:
        with _guard:
            _running.discard(name)


def _turns(name: str) -> Iterator[None]:
    more = True
    while more:
        yield
        with _guard:
            more = name in _again
            _again.discard(name)
            if not more:
                _running.discard(name)  # in the same breath as the last look: nothing can slip between
