"""Very many live connections to one web process on gevent: how fast they come, what they weigh, how fast they are told.

    python -m tests.bench.bench_sockets [--sockets 2000] [--at-once 200] [--rounds 5] [--node FOLDER] [--restart]

Needs PostgreSQL and Redis on this host, and a file limit above the sockets (ulimit -n). Every connection is another person, with
a token of their own. In a round a worker, a process of its own, tells each of them something else through Redis, from rows that
it has just committed. With --node (a folder where npm has installed socket.io, @socket.io/redis-adapter, @socket.io/redis-emitter
and redis) Node's Socket.IO does the same in the same run, without a database, tokens or cursors: once told by the server itself,
once by a worker through Redis. CPU is what the web process used for each event. With --restart the server is ended and started
again, and everybody comes back as socket.io-client does: after 1 to 5 seconds, half more or less, with 20 seconds for an attempt.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import psycopg
from flask_migrate import upgrade
from sqlalchemy import insert

from dashboard import create_app, keys, tokens
from tasks.database import writing
from tasks.models import Recipient
from tests.bench.light_client import spent
from tests.chaos.processes import environment
from tests.conftest import POSTGRES, REDIS
from tests.peers.crowd import Crowd
from tests.peers.live_server import free_port, gunicorn

SECRET = "a-bench-secret-of-32-bytes-or-more"
NODE = Path(__file__).with_name("sockets.cjs")
LATEST = 120.0  # seconds that a crowd may take to come back


@contextmanager
def database() -> Iterator[str]:
    """A database of this run's own."""
    name = f"carillon_bench_{os.getpid()}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRES}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def server_of(command: str) -> int:
    """The process that serves: the youngest whose command line has this text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if command in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                found.append(int(folder.name))
        except OSError:
            continue
    return max(found)


def weight(pid: int) -> float:
    """Megabytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Teller:
    """A process that tells a round for each line, and says when it began."""

    def __init__(self, stack: ExitStack, command: list[str], settings: dict[str, object]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(settings))
        stack.callback(self._process.wait)
        stack.callback(self._process.kill)
        self._heard()

    def tell(self) -> float:
        """Begin a round. Returns its first moment (monotonic seconds)."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        return float(self._heard())

    def _heard(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def rounds(run: asyncio.Runner, crowd: Crowd, count: int, pid: int, teller: Teller) -> tuple[float, float, list[float]]:
    """(median rate, CPU of an event in us, the rates): from the sender's first word to the last client."""
    rates, costs = [], []
    for _ in range(count):
        before, used = crowd.came, spent(pid)
        started = teller.tell()
        if not run.run(crowd.heard(before + crowd.here, 120)):
            raise SystemExit(f"only {crowd.came - before} of {crowd.here} came")
        rates.append(crowd.here / (crowd.last - started))
        costs.append((spent(pid) - used) / crowd.here * 1e6)
    return statistics.median(rates), statistics.median(costs), rates


def arrive(run: asyncio.Runner, name: str, crowd: Crowd, pid: int, words: list[str], at_once: int) -> None:
    """Let them all connect, and say what that took."""
    base, used = weight(pid), spent(pid)
    took = run.run(crowd.connect(words, at_once))
    count, grown = len(crowd.ready), weight(pid) - base
    print(
        f"{name:<12}{count:>7} connected in {took:.1f} s, {count / took:.0f}/s, "
        f"median {statistics.median(crowd.ready) * 1000:.0f} ms, {(spent(pid) - used) / count * 1e3:.2f} ms CPU each; "
        f"{grown * 1000 / count:.1f} kB each, {weight(pid):.0f} MB in all; {crowd.refused} refused", flush=True,
    )


def show(name: str, found: tuple[float, float, list[float]], other: float = 0.0) -> float:
    """One line about the rounds. Returns the median rate."""
    rate, cost, rates = found
    ratio = f"{rate / other:>8.2f} x Node" if other else ""
    print(f"{name:<12}{rate:>7.0f}/s {cost:>6.0f} us{ratio}   " + " ".join(f"{one:.0f}" for one in rates), flush=True)
    return rate


def ours(run: asyncio.Runner, url: str, count: int, at_once: int, turns: int, *, restart: bool, node: float) -> None:
    """Carillon's turn; `node` is Node's rate of the same run."""
    port = free_port()
    given: dict[str, object] = {
        "home": tempfile.mkdtemp(), "database_url": url, "secret_key": SECRET, "message_queue_url": f"{REDIS}/15",
        "queue_url": f"{REDIS}/15", "max_sockets": count + 100,
    }
    app = create_app(**given)
    with app.app_context():
        upgrade()
        words = _people(count)
    crowd = Crowd("127.0.0.1", port)

    def server() -> AbstractContextManager[str]:
        return gunicorn(given, "-k", "gevent", "--worker-connections", str(count + 1000), port=port)

    with ExitStack() as stack, ExitStack() as first:
        first.enter_context(server())
        pid = server_of(f"127.0.0.1:{port}")
        arrive(run, "Carillon", crowd, pid, words, at_once)
        teller = Teller(stack, [sys.executable, "-m", "tests.bench.sockets_teller"], given)
        show("by a worker", rounds(run, crowd, turns, pid, teller), node)
        if restart:
            crowd.comes_back, began = True, time.monotonic()
            run.run(asyncio.to_thread(first.close))  # the crowd goes on meanwhile
            run.run(asyncio.to_thread(stack.enter_context, server()))
            up = time.monotonic() - began
            took = run.run(crowd.back(count, LATEST))
            pid = server_of(f"127.0.0.1:{port}")
            print(
                f"restart: {crowd.here} of {count} are back {took:.1f} s after the server was up, {up + took:.1f} s after the "
                f"other was told to end; {crowd.attempts} attempts, {spent(pid) / count * 1e3:.2f} ms CPU each", flush=True,
            )
        run.run(crowd.close())


def _people(count: int) -> list[str]:
    """So many people, and a token for each."""
    with writing() as connection:
        connection.execute(insert(Recipient), [{"external_id": f"p{n}"} for n in range(count)])
    key, _ = keys.create_key("bench", ["inbox"], "bench")
    return [tokens.issue(key, f"p{n}")[0] for n in range(count)]


def nodes(run: asyncio.Runner, folder: str, count: int, at_once: int, turns: int) -> float:
    """Node's turns. Returns the rate of the one through Redis."""
    port = free_port()
    crowd = Crowd("127.0.0.1", port)
    with ExitStack() as stack:
        def process(mode: str) -> Teller:
            return Teller(stack, ["node", str(NODE), mode, folder, str(port), str(count), REDIS], {})

        server = process("server")
        pid = server_of(f"server {folder} {port}")
        arrive(run, "Node", crowd, pid, [str(number) for number in range(count)], at_once)
        show("by itself", rounds(run, crowd, turns, pid, server))
        rate = show("by a worker", rounds(run, crowd, turns, pid, process("teller")))
        run.run(crowd.close())
    return rate


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--node", default="")
    parser.add_argument("--restart", action="store_true")
    given = parser.parse_args(sys.argv[1:])
    with asyncio.Runner() as run:
        node = nodes(run, given.node, given.sockets, given.at_once, given.rounds) if given.node else 0.0
        with database() as url:
            ours(run, url, given.sockets, given.at_once, given.rounds, restart=given.restart, node=node)


if __name__ == "__main__":
    main()
