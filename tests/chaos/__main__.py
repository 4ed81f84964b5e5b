"""The full form of the chaos runs: `python -m tests.chaos [--kills 100] [--people 20000] [--seed N] [--only NAME]`.

One scenario after the other, a line as each ends, and the table of all at the end. Exit status 1 where the law was broken.
"""

import argparse
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import kills, outages, stores
from tests.chaos.run import HEADINGS, Line, Run, Store

SQLITE, POSTGRES = "SQLite", "PostgreSQL + Redis"
BOTH = (SQLITE, POSTGRES)
PATIENCE = 900.0  # seconds until rest; a machine may be busy


@dataclass(frozen=True)
class Scenario:
    """A row of the table. `share`: of the people asked for. `act` gets the run, what `needs` made for it, and the kills."""

    name: str
    databases: Sequence[str]
    act: Callable[[Run, object, int], Line]
    share: float = 1.0
    needs: str = ""
    outside: Sequence[str] = ("email",)


SCENARIOS = (
    Scenario("4 workers killed", BOTH, lambda run, _, kill: kills.killed(run, kill)),
    Scenario("1 worker killed", BOTH, lambda run, _, kill: kills.killed(run, kill // 5, workers=1), 0.2),
    Scenario("8 workers killed, all reaping", BOTH, lambda run, _, kill: kills.killed(run, kill // 5, workers=8), 0.2),
    Scenario("4 hosts, workers killed", (POSTGRES,), lambda run, _, kill: kills.on_several_hosts(run, kill // 5), 0.2),
    Scenario(
        "killed, paused, resumed; two channels", BOTH, lambda run, _, kill: kills.killed(run, kill // 5, hold=True), 0.2,
        outside=("email", "sms"),
    ),
    Scenario("SIGTERM, provider slow", BOTH, lambda run, _, __: kills.ended_while_slow(run, seconds=9.0), 0.005),
    Scenario("rolling SIGTERM", BOTH, lambda run, _, kill: kills.ended(run, kill // 5), 0.2),
    Scenario("`carillon up` killed", (SQLITE,), lambda run, _, kill: kills.web_killed(run, kill // 5, 50, embedded=True), 0.2),
    Scenario(
        "gunicorn and worker killed", (POSTGRES,), lambda run, _, kill: kills.web_killed(run, kill // 5, 50, embedded=False), 0.2
    ),
    Scenario("Redis flushed and killed", (POSTGRES,), lambda run, redis, _: outages.redis_lost(run, redis, 10), 0.2, "redis"),
    Scenario("PostgreSQL crashes", (POSTGRES,), lambda run, it, _: outages.database_restarted(run, it, 5), 0.2, "cluster"),
    Scenario("disk full", (SQLITE,), lambda run, disk, _: outages.disk_full(run, disk, 3), 0.1, "disk"),
    Scenario("provider down 60 s", BOTH, lambda run, _, __: outages.provider_down(run, 1, 60), 0.1),
    Scenario(
        "provider slow, drops replies, says 421 and 451", BOTH,
        lambda run, _, kill: outages.provider_moody(run, slow=0.01, drop=0.01, refuse=0.05, kills=kill // 20), 0.1,
        outside=("email", "sms"),
    ),
    Scenario(
        "clock stepped 2 h and a day", (SQLITE,),
        lambda run, _, __: outages.clock_stepped(run, [7_200, -7_200, 86_400, -86_400]), 0.2,
    ),
)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description="Break things in the middle of broadcasts, and count what was lost.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", default="", help="a part of a scenario's name")
    arguments = parser.parse_args()
    lines, failed = [], False
    for scenario in SCENARIOS:
        for database in scenario.databases if arguments.only in scenario.name else ():
            for line in _one(scenario, database, arguments):
                print(line, flush=True)
                lines.append(line)
                failed = failed or bool(line.breaches or line.lost or line.doubled)
    _table(lines)
    return int(failed)


def _one(scenario: Scenario, database: str, arguments: argparse.Namespace) -> Iterator[Line]:
    folder = Path(tempfile.mkdtemp(prefix="carillon-chaos-"))
    people = max(100, round(arguments.people * scenario.share))
    try:
        with ExitStack() as stack:
            store, extra = _made(scenario, database, folder, stack)
            run = Run(scenario.name, store, folder, people, arguments.seed, patience=PATIENCE, outside=scenario.outside)
            with run:
                yield scenario.act(run, extra, arguments.kills)
    except stores.Absent as reason:
        print(f"{scenario.name}, {database}: left out, {reason}", flush=True)
    except Exception as error:  # a scenario that breaks must not hide the others
        traceback.print_exc()
        yield Line(scenario.name, database, arguments.seed, "-", people, 0, 0, 0, 0, breaches=(f"it broke: {error}"[:300],))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(scenario: Scenario, database: str, folder: Path, stack: ExitStack) -> tuple[Store, object]:
    """The installation, and what the scenario breaks."""
    if scenario.needs == "redis":
        redis = stack.enter_context(stores.Redis(folder))
        return stack.enter_context(stores.postgres(folder, redis.url)), redis
    if scenario.needs == "cluster":
        cluster = stack.enter_context(stores.Cluster())
        return stores.at_scale(folder, cluster.url, f"{stores.REDIS}/14"), cluster
    if scenario.needs == "disk":
        disk = stack.enter_context(stores.small_disk(folder / "disk", 64))
        return stores.sqlite(disk), disk
    return stores.sqlite(folder) if database == SQLITE else stack.enter_context(stores.postgres(folder)), None


def _table(lines: Sequence[Line]) -> None:
    print("\n| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS))
    for line in lines:
        print("| " + " | ".join(line.cells()) + " |")


if __name__ == "__main__":
    sys.exit(main())
