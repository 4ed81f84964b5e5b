"""Scenarios where something else breaks: Redis, PostgreSQL, the disk, the clock, a provider."""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.chaos.posts import Poster
from tests.chaos.processes import until
from tests.chaos.providers import Mood
from tests.chaos.run import Line, Run
from tests.chaos.stores import Absent, Cluster, Redis

RESUMES_WITHIN = 10.0  # seconds
QUICK_BREAKER = ("tasks.ledger.breaker:PROBE_EVERY=0.5",)


def redis_lost(run: Run, redis: Redis, times: int, workers: int = 2) -> Line:
    """Redis is flushed and killed in turn, and stays away for a moment: wake-ups are lost, and nothing else."""
    run.work(workers)
    run.send()

    def lose(number: int) -> None:
        if number % 2 == 0:
            redis.flush()
            return
        redis.kill()
        before = run.progress()
        time.sleep(run.chance.uniform(0.2, 1.0))
        if number == times - 1 and before < 1:  # and once it stays away until the broadcast has moved on without it
            until(lambda: run.progress() > before, RESUMES_WITHIN, "nothing moves without Redis")
        redis.start()

    run.along(times, lose)
    return run.rest()


def database_restarted(run: Run, cluster: Cluster, times: int, workers: int = 2, redis: Redis | None = None) -> Line:
    """PostgreSQL crashes and comes back, and Redis with it; meanwhile the API says 503 and when to come again, never 500."""
    run.work(workers)
    slowest = 0.0

    def restart(_number: int) -> None:
        nonlocal slowest
        cluster.stop()
        if redis is not None:
            redis.kill()
        time.sleep(run.chance.uniform(0.1, 0.6))
        cluster.start()
        if redis is not None:
            redis.start()
        back, before = time.monotonic(), run.accepted()
        until(lambda: run.accepted() > before or run.progress() >= 1, RESUMES_WITHIN, run.said)
        slowest = max(slowest, time.monotonic() - back)

    with Poster(run) as poster:
        run.send()
        run.along(times, restart, end=0.7)
    found = run.rest()
    run.notes.append(f"sending again after {slowest:.1f} s")
    return run.add(found, poster.verdict(refused={503}))


def disk_full(run: Run, disk: Path, times: int) -> Line:
    """The disk fills up and is emptied again: what was accepted is kept, the API says 503 meanwhile."""
    run.work(1)
    filler = disk / "filler"
    slowest = 0.0

    def fill(_number: int) -> None:
        nonlocal slowest
        handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
        for size in (2**16, 2**12):
            with suppress(OSError):
                while True:
                    os.write(handle, b"\0" * size)
        os.close(handle)
        refused, deadline = poster.statuses[503], time.monotonic() + 5
        while poster.statuses[503] == refused and time.monotonic() < deadline:  # the log has some room left for a while
            time.sleep(0.05)
        time.sleep(run.chance.uniform(0.1, 0.5))
        filler.unlink()
        back, before = time.monotonic(), run.accepted()
        until(lambda: run.accepted() > before or run.progress() >= 1, RESUMES_WITHIN, run.said)
        slowest = max(slowest, time.monotonic() - back)

    with Poster(run) as poster:
        run.send()
        run.along(times, fill, end=0.7)
    found = run.rest()
    run.notes.append(f"sending again after {slowest:.1f} s")
    return run.add(found, poster.verdict(refused={503}), run.integrity())


def provider_down(run: Run, times: int, seconds: float) -> Line:
    """The provider is away for longer than every retry would last: nobody fails for it, and it goes on by itself."""
    run.work(2, *QUICK_BREAKER)
    run.send()

    def away(_number: int) -> None:
        run.providers.down()
        run.allow_doubt(2)
        time.sleep(seconds)
        before = run.accepted()
        run.providers.up()
        back = time.monotonic()
        until(lambda: run.accepted() > before, RESUMES_WITHIN, run.said)
        run.notes.append(f"first message {time.monotonic() - back:.1f} s after its return")

    run.along(times, away, start=0.3, end=0.7)
    return run.rest()


def provider_moody(run: Run, *, slow: float, drop: float, refuse: float, kills: int) -> Line:
    """The provider is slow, drops replies of what it took, says 421, 451, 452, 500; workers are killed, it is paused."""
    Mood(latency=slow, drop=drop, refuse=refuse).write(run.folder)
    run.work(2, *QUICK_BREAKER)
    run.send()
    run.along(kills, lambda number: (run.kill(), run.hold()))  # type: ignore[func-returns-value]
    run.allowed_doubt = run.people * len(run.outside)  # each dropped reply is a doubt of its own: the law says the rest
    return run.rest()


def clock_stepped(run: Run, steps: list[float], workers: int = 2) -> Line:
    """The wall clock jumps while monotonic clocks go on: nothing is lost, nothing waits for hours, nobody's lease is taken."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise Absent("libfaketime is not installed (Debian: apt-get install faketime)")
    clock = run.folder / "clock"
    clock.write_text("+0\n")
    fake = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    run.work(workers, extra={"LD_PRELOAD": str(library), **fake})
    run.send()

    def step(number: int) -> None:
        fresh = clock.with_suffix(".new")
        fresh.write_text(f"{steps[number]:+.0f}\n")
        fresh.replace(clock)
        time.sleep(1.5)  # two steps that nobody could see one by one would be one

    run.along(len(steps), step)
    return run.rest()
