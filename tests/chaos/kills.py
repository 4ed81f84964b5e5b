"""Scenarios that end workers: SIGKILL, SIGTERM, with pauses between, on one host and on several."""

import signal

from tests.chaos.posts import Poster
from tests.chaos.processes import until
from tests.chaos.providers import Mood
from tests.chaos.run import Line, Run

TERM_WITHIN = 30.0  # seconds


def killed(run: Run, kills: int, workers: int = 4, *, hold: bool = False) -> Line:
    """SIGKILL workers at random moments of fan-out and sending; with `hold`, pause and resume between."""
    run.work(workers)
    run.send()
    run.along(kills, lambda number: (run.kill(), run.hold() if hold and number % 3 == 0 else None))  # type: ignore[func-returns-value]
    return run.rest()


def on_several_hosts(run: Run, kills: int, workers: int = 4) -> Line:
    """The same, each worker passing for a machine of its own: only silence tells that one is dead."""
    run.work(workers, "tasks.ledger.processes:HEARTBEAT=0.5", "tasks.ledger.processes:DEAD_AFTER=3", hosts=True)
    run.send()
    run.along(kills, run.kill)
    return run.rest()


def ended(run: Run, times: int, workers: int = 2) -> Line:
    """Rolling SIGTERMs: nothing lost, nothing doubled, and nothing in doubt either."""
    run.work(workers)
    run.send()
    run.along(times, lambda _: run.workers.replace(run.workers.victim(run.chance), signal.SIGTERM))
    run.notes.append(f"the slowest end took {run.workers.slowest_end:.1f} s")
    found = run.rest()
    slow = [] if run.workers.slowest_end < TERM_WITHIN else [f"one took more than {TERM_WITHIN} s to end"]
    return run.add(found, slow)


def ended_while_slow(run: Run, *, seconds: float) -> Line:
    """SIGTERM while every answer of the provider takes `seconds`: what is in the air is waited for, the rest is given back."""
    Mood(latency=seconds).write(run.folder)
    run.work(1)
    run.send()
    until(lambda: run.accepted() > 0, run.patience, run.said)
    run.workers.replace(0, signal.SIGTERM)
    Mood().write(run.folder)
    run.faults += 1
    run.notes.append(f"the end took {run.workers.slowest_end:.1f} s")
    found = run.rest()
    slow = [] if run.workers.slowest_end < TERM_WITHIN else [f"it took more than {TERM_WITHIN} s to end"]
    return run.add(found, slow)


def web_killed(run: Run, kills: int, posts: int, *, embedded: bool) -> Line:
    """SIGKILL the web process (and, where the worker is not inside it, a worker) while clients post and never give up."""
    if not embedded:
        run.work(1)
    with Poster(run, embedded=embedded, posts=posts) as poster:
        run.send()

        def kill(number: int) -> None:
            if embedded or number % 2 == 0:
                poster.web.kill()
                run.allow_doubt(2 if embedded else 0)  # single messages and the broadcast's are handed over in turn
                poster.web.start()
            else:
                run.kill()

        run.along(kills, kill, end=0.8)
        poster.join(run.patience)
        found = run.rest()
    return run.add(found, poster.verdict())
