"""How long a single message waits while a great broadcast runs on its channel, beside the same with nothing else to do.

    python -m tests.bench.bench_passing [--database postgresql://...] [--people 100000] [--workers 1] [--smtp]

Prints the milliseconds from the row's commit until it is handed over, by the database's clock; what the call itself took; and how
many of the broadcast went out meanwhile. Target: every single message starts within a second.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from tasks.config import load
from tasks.database import reading
from tasks.models import Broadcast, Delivery
from tasks.models.words import COMPLETED, EMAIL
from tasks.send import broadcast, notify
from tasks.setup import init_app
from tests import factories
from tests.bench.bench_rate import alive
from tests.chaos.processes import Workers, smtp_sink, until

EVERY = 0.25  # seconds between two single messages


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; a PostgreSQL one is emptied")
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--singles", type=int, default=60, help="single messages, a quarter of a second apart")
    options.add_argument("--smtp", action="store_true", help="to an SMTP server of this machine, not to the simulator")
    chosen = options.parse_args()
    home = Path(tempfile.mkdtemp())
    with _provider(home, smtp=chosen.smtp) as provider:
        settings = {"home": home, "database_url": chosen.database, **provider}
        app = Flask("bench")
        init_app(app, load(**settings))
        with app.app_context():
            upgrade()
            factories.empty()
            factories.template()
            factories.rule()
            factories.people(chosen.people)
            workers = Workers(settings, chosen.workers, home / "workers.log")
            try:
                run(chosen.workers, chosen.singles)
            finally:
                workers.end()


def run(workers: int, singles: int) -> None:
    """Both halves: idle, then beside a broadcast to everybody."""
    until(lambda: alive() >= workers, 30)
    print(f"{'':<24}{'start p50 ms':>14}{'p95':>8}{'worst':>8}{'call p50 ms':>13}{'worst':>8}{'broadcast/s':>13}")
    _line("idle", *_singles(singles), 0.0)
    made = broadcast("all", "payment_success", amount=1)
    until(lambda: _sent(made.pk) > 0, 60)
    before, started = _sent(made.pk), time.monotonic()
    waited, called = _singles(singles)
    rate = (_sent(made.pk) - before) / (time.monotonic() - started)
    _line("beside a broadcast", waited, called, rate)
    with reading() as connection:
        state = connection.execute(select(Broadcast.state).where(Broadcast.pk == made.pk)).scalar_one()
    print("the broadcast was over before the last single message" if state == COMPLETED else f"the broadcast was still {state}")


def _singles(count: int) -> tuple[list[float], list[float]]:
    """Milliseconds until each was handed over, and that its call took."""
    pks, called = [], []
    for number in range(count):
        started = time.perf_counter()
        pks.append(notify(str(number), "payment_success", async_send=True, amount=number).pk)
        called.append((time.perf_counter() - started) * 1000)
        time.sleep(EVERY)
    rows = select(Delivery.created_at, Delivery.handed_at).where(Delivery.notification_id.in_(pks), Delivery.channel == EMAIL)
    until(lambda: all(row.handed_at for row in _all(rows)), 120)
    return [(row.handed_at - row.created_at).total_seconds() * 1000 for row in _all(rows)], called


def _all(statement: object) -> list[object]:
    with reading() as connection:
        return list(connection.execute(statement))


def _line(name: str, waited: list[float], called: list[float], rate: float) -> None:
    p95 = statistics.quantiles(waited, n=20)[18]
    print(
        f"{name:<24}{statistics.median(waited):>14.1f}{p95:>8.0f}{max(waited):>8.0f}"
        f"{statistics.median(called):>13.1f}{max(called):>8.0f}{rate:>13.0f}",
        flush=True,
    )


def _sent(broadcast_pk: int) -> int:
    with reading() as connection:
        sent = select(func.count()).where(Delivery.broadcast_id == broadcast_pk, Delivery.handed_at.is_not(None))
        return connection.execute(sent).scalar_one()


@contextmanager
def _provider(home: Path, *, smtp: bool) -> Iterator[dict[str, object]]:
    if not smtp:
        yield {}
        return
    with smtp_sink(home / "accepted.log") as port:
        yield {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "Bell <bell@example.test>"}


if __name__ == "__main__":
    main()
