"""How exactly a broadcast keeps its rate: workers as processes of their own, the simulator at the end of the line.

    python -m tests.bench.bench_rate [--database postgresql://...] [--rates 600 6000] [--workers 1 4] [--seconds 20]

Prints the rate over the whole run and over the fullest and the emptiest ten seconds of it, by the database's moment of each
hand-over. Target: within 5%.
"""

import argparse
import tempfile
from bisect import bisect_left
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from tasks.config import load
from tasks.database import reading
from tasks.models import Broadcast, Delivery, Process
from tasks.models.words import COMPLETED, EMAIL
from tasks.options import SendOptions
from tasks.send import start_broadcast
from tasks.setup import init_app
from tests import factories
from tests.chaos.processes import Workers, until

SPAN = 10.0  # seconds


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; a PostgreSQL one is emptied")
    options.add_argument("--rates", type=int, nargs="+", default=[600, 6_000])
    options.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    options.add_argument("--seconds", type=float, default=20.0, help="how long each run is to last")
    chosen = options.parse_args()
    home = Path(tempfile.mkdtemp())
    settings = {"home": home, "database_url": chosen.database}
    app = Flask("bench")
    init_app(app, load(**settings))
    with app.app_context():
        upgrade()
        print(f"{'database':<12}{'workers':>8}{'asked':>8}{'messages':>10}{'kept':>10}{'off':>8}{'fullest':>14}{'emptiest':>10}")
        for workers in chosen.workers:
            for rate in chosen.rates:
                run(settings, workers, rate, round(rate / 60 * chosen.seconds))


def run(settings: dict[str, object], workers: int, rate: int, people: int) -> None:
    """One broadcast to `people` at `rate` a minute with so many worker processes; one line of the table."""
    factories.empty()
    factories.template()
    factories.rule()
    factories.people(people)
    running = Workers(settings, workers, Path(str(settings["home"])) / "workers.log")
    try:
        until(lambda: alive() >= workers, 30)
        made = start_broadcast("all", "payment_success", {"amount": 1}, SendOptions(rate_per_minute=rate))
        until(lambda: _state(made.pk) == COMPLETED, 60 + 2 * 60 * people / rate)
    finally:
        running.end()
    print(line(_handed(), workers, rate))


def line(handed: list[float], workers: int, rate: int) -> str:
    """What the moments of the hand-overs say."""
    lasted = handed[-1] - handed[0]
    kept = (len(handed) - 1) / lasted * 60
    starts = [moment for moment in handed if moment <= handed[-1] - SPAN]
    spans = [(bisect_left(handed, start + SPAN) - bisect_left(handed, start)) * 60 / SPAN for start in starts] or [kept]
    with reading() as connection:
        name = connection.dialect.name
    return (
        f"{name:<12}{workers:>8}{rate:>8}{len(handed):>10}{kept:>10.0f}{kept / rate - 1:>+8.1%}"
        f"{max(spans) / rate - 1:>+14.1%}{min(spans) / rate - 1:>+10.1%}"
    )


def _handed() -> list[float]:
    with reading() as connection:
        rows = connection.execute(select(Delivery.handed_at).where(Delivery.channel == EMAIL, Delivery.handed_at.is_not(None)))
        return sorted(row.handed_at.timestamp() for row in rows)


def _state(pk: int) -> str | None:
    with reading() as connection:
        return connection.execute(select(Broadcast.state).where(Broadcast.pk == pk)).scalar()


def alive() -> int:
    """Worker processes on record."""
    with reading() as connection:
        alive = select(func.count()).select_from(Process).where(Process.kind == "worker", Process.ended_at.is_(None))
        return connection.execute(alive).scalar_one()


if __name__ == "__main__":
    main()
