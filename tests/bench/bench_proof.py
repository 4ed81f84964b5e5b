"""The proof of a great broadcast: its time, its memory, its export, and the stranger's script over that.

    python -m tests.bench.bench_proof [--database postgresql://.../empty] [--people 500000]

Everybody has two rows, in-app and e-mail, the latter with an attempt: 500,000 people are 1,000,000 rows. Prints seconds, rows a
second, and how much the process's resident memory grew meanwhile.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, literal, select, update

from dashboard.bench.ground import OFFER, fill, ground, settle
from tasks import broadcasts, expand
from tasks.database import snapshot, writing
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import Attempt, Broadcast, Delivery
from tasks.models.types import db_clock
from tasks.options import SendOptions
from tasks.proof import export, lines, prove

CHECK = Path(__file__).resolve().parents[2] / "static" / "check_proof.py"
PAGE = 4096  # bytes


def resident() -> float:
    """This process's resident memory now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work` returns, its seconds, and by how many MB the process grew at most."""
    before, highest, end = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not end.wait(0.05):
            highest[0] = max(highest[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    try:
        found = work()
    finally:
        took = time.monotonic() - started
        end.set()
        watcher.join()
    return found, took, max(highest[0] - before, 0.0)


def broadcast(people: int) -> int:
    """A completed broadcast to everybody, as workers would have left it."""
    pk = broadcasts.create("all", OFFER, {"amount": 1}, SendOptions())
    expand.expand(pk, lambda: False, lambda channels: None)
    mails = (Delivery.broadcast_id == pk, Delivery.channel == "email")
    with writing() as connection:
        sent = {"state": "sent", "provider": "smtp", "attempt_count": 1, "closed_at": db_clock()}
        connection.execute(update(Delivery).where(*mails).values(**sent))
        fixed = {
            "round": literal(1), "number": literal(1), "provider": literal("smtp"), "target": literal("u…@example.test"),
            "outcome": literal("sent"), "code": literal("250"), "response": literal("OK"), "provider_ref": literal(""),
            "started_at": db_clock(), "duration_ms": literal(3),
        }
        rows = select(Delivery.pk, *fixed.values()).where(*mails)
        connection.execute(insert(Attempt).from_select(["delivery_id", *fixed], rows, include_defaults=False))
        counts.add(connection, 1, {(pk, "email", "sent"): people})
        connection.execute(update(Broadcast).where(Broadcast.pk == pk).values(state="completed", finished_at=db_clock()))
    settle()
    return pk


def only_read(pk: int) -> int:
    """The reading alone, for the ratio."""
    with snapshot() as connection:
        return sum(1 for _ in lines.read(connection, pk))


def write(pk: int, path: Path) -> int:
    """The export into a file. Returns its bytes."""
    with path.open("w") as file:
        file.writelines(export(pk))
    return path.stat().st_size


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; an empty PostgreSQL database")
    options.add_argument("--people", type=int, default=500_000)
    chosen = options.parse_args()
    with ground(chosen.database), tempfile.TemporaryDirectory() as folder:
        fill(chosen.people)
        pk, name, path = broadcast(chosen.people), db.engine.dialect.name, Path(folder) / "rows.ndjson"
        count, reading, _ = measured(lambda: only_read(pk))
        proof, took, grew = measured(lambda: prove(pk))
        assert proof.holds, [clause for clause in proof.clauses if not clause.holds]
        print(f"{name}: prove: {count:,} rows in {took:.1f} s ({count / took:,.0f} a second), {took / reading:.2f} x the reading "
              f"alone, memory +{grew:.0f} MB (of {resident():.0f})", flush=True)
        size, took, grew = measured(lambda: write(pk, path))
        print(f"{name}: export: {size / 1e6:.0f} MB in {took:.1f} s, memory +{grew:.0f} MB", flush=True)
        done, took, _ = measured(lambda: subprocess.run(
            [sys.executable, str(CHECK), str(path), "--sha256", proof.sha256], check=True, capture_output=True,
        ))
        assert b"agreement" in done.stdout
        print(f"{name}: check_proof.py: {took:.1f} s", flush=True)


if __name__ == "__main__":
    main()
