"""Very many live connections to one web process on gevent: how fast they come, what they weigh, how fast they are told.

    python -m tests.bench.bench_sockets [--sockets 2000] [--at-once 200] [--rounds 3] [--node FOLDER]

Needs PostgreSQL and Redis on this host and a file limit above the sockets (ulimit -n). Every connection is another person, with a
token of their own; a round writes one message for each of them, distinct, as a worker does. With --node (a folder where npm has
installed socket.io) the same crowd is told by Node's Socket.IO, in the same run: without a database, tokens or cursors.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert, select

from dashboard import create_app, keys, tokens
from tasks import live
from tasks.database import writing
from tasks.models import Recipient
from tests.conftest import POSTGRES, REDIS
from tests.peers.crowd import Crowd
from tests.peers.inbox_rows import messages
from tests.peers.live_server import free_port, gunicorn

PAGE = 1_000
SECRET = "a-bench-secret-of-32-bytes-or-more"
NODE = """
const { Server } = require(process.argv[1] + "/node_modules/socket.io");
const io = new Server(+process.argv[2], { transports: ["websocket"] });
io.on("connection", (socket) => socket.emit("sync", { items: [] }));
process.stdin.on("data", () => {
  let n = 0;
  for (const socket of io.sockets.sockets.values()) {
    n += 1;
    socket.emit("notification", { id: "0f0e0d0c-0b0a-4908-8706-050403020100", cursor: "c" + n, title: "Hello " + n,
      message: "Hello!", notification_type: "test", data: { n }, created_at: new Date().toISOString(), unread: n });
  }
});
console.log("ready");
"""


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


def weight(command: str) -> float:
    """Megabytes of memory of the heaviest process whose command line has this text."""
    found = [0.0]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if command in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                found.append(int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
        except OSError:
            continue
    return max(found)


def told(run: asyncio.Runner, crowd: Crowd, count: int, tell: object) -> float:
    """Notifications a second of one round, from the first word of the sender to the last client."""
    before, started = crowd.came, time.monotonic()
    threading.Thread(target=tell, daemon=True).start()  # type: ignore[arg-type]
    if not run.run(crowd.heard(before + count, 120)):
        raise SystemExit(f"only {crowd.came - before} of {count} came")
    return count / (crowd.last - started)


def report(name: str, crowd: Crowd, took: float, grown: float, rates: list[float]) -> None:
    count = len(crowd.ready)
    print(
        f"{name:<10}{count:>8}{took:>9.1f} s{count / took:>9.0f}/s{statistics.median(crowd.ready) * 1000:>9.0f} ms"
        f"{grown:>9.0f} MB{grown * 1000 / max(count, 1):>9.1f} kB" + "".join(f"{rate:>9.0f}/s" for rate in rates)
    )


def ours(run: asyncio.Runner, url: str, count: int, at_once: int, rounds: int) -> None:
    home, port = tempfile.mkdtemp(), free_port()
    given = {
        "home": home, "database_url": url, "secret_key": SECRET, "message_queue_url": f"{REDIS}/15", "queue_url": f"{REDIS}/15",
        "max_sockets": count + 100,
    }
    app = create_app(**given)
    with app.app_context():
        upgrade()
        people, written = _people(app, count)
        with gunicorn(given, "-k", "gevent", "--worker-connections", str(count + 1000), port=port) as address:
            base, crowd = weight(f"127.0.0.1:{port}"), Crowd("127.0.0.1", port)
            took = run.run(crowd.connect(written, at_once))
            grown = weight(f"127.0.0.1:{port}") - base
            rates = [told(run, crowd, len(crowd.ready), lambda: _tell(app, people)) for _ in range(rounds)]
            report("Carillon", crowd, took, grown, rates)
            print(f"{'':<10}{crowd.refused} refused; {weight(f'127.0.0.1:{port}'):.0f} MB in all; {address}")
            run.run(crowd.close())


def _people(app: Flask, count: int) -> tuple[list[int], list[str]]:
    with writing() as connection:
        rows = [{"external_id": f"p{n}"} for n in range(count)]
        connection.execute(insert(Recipient), rows)
        people = list(connection.execute(select(Recipient.id).order_by(Recipient.id)).scalars())
    key, _ = keys.create_key("bench", ["inbox"], "bench")
    return people, [tokens.issue(key, f"p{n}")[0] for n in range(count)]


def _tell(app: Flask, people: list[int]) -> None:
    with app.app_context():
        for start in range(0, len(people), PAGE):
            live.announce(messages(people[start : start + PAGE]))


def nodes(run: asyncio.Runner, folder: str, count: int, at_once: int, rounds: int) -> None:
    port = free_port()
    process = subprocess.Popen(
        ["node", "-e", NODE, folder, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        pipe, mark = process.stdin, f"{folder} {port}"
        base, crowd = weight(mark), Crowd("127.0.0.1", port)
        took = run.run(crowd.connect(["none"] * count, at_once))

        def tell() -> None:
            pipe.write(b"go\n")
            pipe.flush()

        grown = weight(mark) - base
        report("Node", crowd, took, grown, [told(run, crowd, count, tell) for _ in range(rounds)])
        run.run(crowd.close())
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--node", default="")
    given = parser.parse_args(sys.argv[1:])
    print(f"{'':<10}{'sockets':>8}{'connect':>11}{'':>11}{'median':>12}{'memory':>12}{'each':>12}   fan-out, a round each")
    with asyncio.Runner() as run:
        with database() as url:
            ours(run, url, given.sockets, given.at_once, given.rounds)
        if given.node:
            nodes(run, given.node, given.sockets, given.at_once, given.rounds)


if __name__ == "__main__":
    main()
