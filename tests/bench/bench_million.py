"""One broadcast to very many, by a worker of its own, while the web side goes on working: time, memory, and who has to wait.

    python -m tests.bench.bench_million [--database postgresql://.../empty] [--people 1000000] [--slug bench_same]

Prints the broadcast's time from the call to the last row and its ratio to the bare statements of the same run, the peak memory of
the worker process, what a single send takes meanwhile and idle, and what the dashboard's pages take meanwhile. P1, P11, P12.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.bench import bare, fanout
from dashboard.bench.ground import MAIL, OFFER, PERSONAL, SAME, fill, ground
from dashboard.bench.measure import percentile, seconds
from tasks import SendOptions, broadcast, notify, public_id
from tasks.extensions import db
from tasks.models import Broadcast
from tasks.models.words import COMPLETED
from tests.bench.bench_pages import signed_in

IDLE = 200  # single sends measured before
OVER = {SAME: (COMPLETED,), PERSONAL: (COMPLETED,), OFFER: (COMPLETED, "sending"), MAIL: (COMPLETED, "sending")}


def worker(home: str, database: str) -> subprocess.Popen[bytes]:
    """A worker process on the same installation."""
    given = {"CARILLON_HOME": home, "CARILLON_DATABASE_URL": database, "CARILLON_SECRET_KEY": "b" * 40}
    return subprocess.Popen([sys.executable, "-m", "tasks.workers"], env={**os.environ, **given})


def warm(process: subprocess.Popen[bytes]) -> None:
    """Wait until the worker is there and has written a first broadcast, to one person."""
    pk = public_id.decode(public_id.BROADCAST, broadcast({"ids": ["0"]}, SAME, amount=1, options=SendOptions()).id)
    while db.session.get_one(Broadcast, pk, populate_existing=True).state != COMPLETED:
        assert process.poll() is None
        db.session.rollback()
        time.sleep(0.1)


def peak(pid: int) -> float:
    """MB that a process had at most."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def single() -> float:
    """Milliseconds of a single send."""
    return seconds(lambda: notify("0", SAME, amount=1)) * 1000


def watch(pk: int, slug: str, client: FlaskClient) -> tuple[float, list[float], dict[str, list[float]]]:
    """Wait for the broadcast's last row, sending and looking meanwhile. Returns (seconds, single sends, pages)."""
    sends: list[float] = []
    paths = ("/admin/broadcasts/", f"/admin/broadcasts/details/?id={pk}", "/admin/deliveries/")
    pages: dict[str, list[float]] = {path: [] for path in paths}
    started, turn = time.perf_counter(), 0
    while True:
        db.session.rollback()
        row = db.session.get(Broadcast, pk, populate_existing=True)
        if row.state in OVER[slug] and row.expanded_at is not None:
            return (row.expanded_at - row.created_at).total_seconds(), sends, pages
        assert row.state != "failed", row.detail
        assert time.perf_counter() - started < 900
        sends.append(single())
        turn += 1
        if turn % 10 == 0:
            path = paths[turn // 10 % len(paths)]
            pages[path].append(seconds(lambda path=path: client.get(path, headers={"Accept": "text/html"})) * 1000)
        time.sleep(0.02)


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; an empty PostgreSQL database")
    options.add_argument("--people", type=int, default=1_000_000)
    options.add_argument("--slug", default=SAME, choices=OVER)
    chosen = options.parse_args()
    with ground(chosen.database) as app:
        home, people = str(app.extensions["carillon.settings"].home), chosen.people
        fill(people)
        web = create_app(home=home, database_url=chosen.database, secret_key="b" * 40)
        client = signed_in(web)
        idle = [single() for _ in range(IDLE)]
        process = worker(home, chosen.database)
        try:
            warm(process)
            pk = public_id.decode(public_id.BROADCAST, broadcast("all", chosen.slug, amount=1, options=SendOptions()).id)
            took, sends, pages = watch(pk, chosen.slug, client)
            memory = peak(process.pid)
        finally:
            process.terminate()
            process.wait(60)
        reference = next(fanout._another(chosen.slug))
        references = {PERSONAL: lambda: bare.personal(people, reference)}
        mail = chosen.slug in (OFFER, MAIL)
        plain = references.get(chosen.slug, lambda: bare.same(people, reference, mail=mail))()
        print(f"{db.engine.dialect.name}, {chosen.slug}, {people:,} people: {took:.1f} s ({people / took:,.0f}/s,"
              f" {1e6 * took / people:.1f} us a person), bare {plain:.1f} s, {took / plain:.2f} x; worker's peak {memory:.0f} MB")
        print(f"  single send: idle p50 {statistics.median(idle):.1f} p99 {percentile(idle, 99):.1f} ms;"
              f" meanwhile p50 {statistics.median(sends):.1f} p99 {percentile(sends, 99):.1f} ms of {len(sends)}")
        for path, taken in pages.items():
            if taken:
                print(f"  {path}: median {statistics.median(taken):.0f}, worst {max(taken):.0f} ms of {len(taken)}")


if __name__ == "__main__":
    main()
