"""Single and bulk sends beside the bare statements they cannot do without, in the same run.

    python -m tests.bench.bench_send [--database postgresql://...] [--rounds 300]

Prints milliseconds, statements, and the ratio to the bare writes. Targets (spec 4): sync p50 < 15 ms with no outside channel,
async p99 < 10 ms, 1,000 users recorded in at most 10 statements and under 2 s.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert

from tasks import notify, notify_bulk
from tasks.config import load
from tasks.database import writing
from tasks.extensions import db
from tasks.models import Delivery, Notification
from tasks.models.types import utcnow
from tasks.setup import init_app
from tests import factories
from tests.tasks.counting import statements

PEOPLE = 1_000


def timed(call: Callable[[int], object], rounds: int) -> list[float]:
    """Milliseconds of each round."""
    found = []
    for number in range(rounds):
        started = time.perf_counter()
        call(number)
        found.append((time.perf_counter() - started) * 1000)
    return found


def line(name: str, took: list[float], bare: list[float], used: int) -> None:
    """One row of the table."""
    p50, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    ratio = p50 / statistics.median(bare)
    print(f"{name:<34}{p50:>9.2f}{p99:>9.2f}{ratio:>11.1f} x{used:>12}")


def bare(count: int) -> None:
    """The rows of `count` in-app messages, written by two statements and nothing else."""
    with writing() as connection:
        note = {"recipient_id": 1, "template_version_id": 1, "title": "t", "message": "m", "data": {}, "created_at": utcnow()}
        # One RETURNING statement for all, as the product's own.
        first = (
            connection.execute(insert(Notification.__table__).returning(Notification.__table__.c.id), [note] * count)
            .scalars()
            .all()
        )
        row = {
            "channel": "in_app",
            "state": "sent",
            "reason": "",
            "detail": "",
            "provider": "",
            "attempt_count": 0,
            "reap_count": 0,
        }
        fixed = {**row, "priority": 5, "created_at": utcnow()}
        connection.execute(insert(Delivery.__table__), [{**fixed, "notification_id": pk} for pk in first])


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; a PostgreSQL one is emptied")
    options.add_argument("--rounds", type=int, default=300)
    chosen = options.parse_args()
    app = Flask("bench")
    init_app(app, load(home=tempfile.mkdtemp(), database_url=chosen.database))
    with app.app_context():
        upgrade()
        factories.empty()
        factories.template()
        factories.template(slug="mail", title="Mail {{ amount }}")
        factories.rule(notification_type="mail", channels=["email"])
        factories.people(PEOPLE)
        run(chosen.rounds)


def run(rounds: int) -> None:
    """Time every kind of send."""
    print(f"{db.engine.dialect.name:<34}{'p50 ms':>9}{'p99 ms':>9}{'to bare':>13}{'statements':>12}")
    single, thousand = timed(lambda _: bare(1), rounds), timed(lambda _: bare(PEOPLE), 5)
    users = [str(number) for number in range(PEOPLE)]
    kinds: list[tuple[str, Callable[[int], object], int, list[float]]] = [
        ("notify, in-app", lambda n: notify(str(n % PEOPLE), "payment_success", amount=n), rounds, single),
        ("notify, in-app and e-mail, simulated", lambda n: notify(str(n % PEOPLE), "mail", amount=n), rounds, single),
        ("notify(async_send=True), e-mail", lambda n: notify(str(n % PEOPLE), "mail", async_send=True, amount=n), rounds, single),
        ("notify_bulk of 1,000, in-app", lambda n: notify_bulk(users, "payment_success", amount=n), 5, thousand),
        ("notify_bulk of 1,000, e-mail", lambda n: notify_bulk(users, "mail", amount=n), 5, thousand),
    ]
    for name, call, times, reference in kinds:
        call(0)
        with statements() as seen:
            call(1)
        line(name, timed(call, times), reference, len(seen))
        db.session.remove()


if __name__ == "__main__":
    main()
