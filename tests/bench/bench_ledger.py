"""What the ledger costs a delivery: everything between the queue and a provider that takes all and does nothing, beside bare SQL.

    python -m tests.bench.bench_ledger [--database postgresql://...] [--people 10000]

The bare statements are those of a delivery and no more (lease, read, mark, result, log, counter), in hand-overs of the same
size, with the text rendered by the same compiled template: what is left is what our own code adds.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

from flask import Flask
from sqlalchemy import text

from tasks import broadcasts, expand, jobs
from tasks.channels.base import Channel, Message, Outcome, TargetResult
from tasks.config import load
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.options import SendOptions
from tasks.plan import load as plan_of
from tasks.setup import init_app
from tests.bench.bench_wire_email import prepared

NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "clock_timestamp()"}
LATER = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '300 seconds')", "postgresql": "clock_timestamp() + interval '300 s'"}
ROWS = {"sqlite": "json_each(:rows) AS one", "postgresql": "json_array_elements(CAST(:rows AS json)) AS one"}
CLAIM, BATCH = 256, 32


class Null(Channel):
    """Takes everything."""

    name, channel, batch, has_breaker = "null", "push", BATCH, False

    def send(self, messages: Sequence[Message]) -> list[Outcome]:
        return [Outcome(m.delivery_id, tuple(TargetResult(t, "sent", "200", "ok", "ref") for t in m.targets)) for m in messages]


def bare(broadcast: int, dialect: str) -> None:
    """The statements of a delivery, and its text."""
    now, later, rows = NOW[dialect], LATER[dialect], ROWS[dialect]
    skip = "" if dialect == "sqlite" else " FOR UPDATE SKIP LOCKED"
    lease = text(
        f"UPDATE deliveries SET state = 'sending', lease_token = 'x', lease_until = {later}, leased_by = 1, attempt_count = 1 "
        f"WHERE id IN (SELECT id FROM deliveries WHERE channel = 'email' AND broadcast_id = :b "
        f"AND state IN ('queued', 'retrying') AND next_attempt_at <= {now} ORDER BY priority, next_attempt_at "
        f"LIMIT {CLAIM}{skip}) RETURNING id"
    )
    read = text(
        f"SELECT d.id, r.name, r.email FROM {rows} JOIN deliveries d ON d.id = CAST(one.value AS text) + 0 "
        "JOIN notifications n ON n.id = d.notification_id JOIN recipients r ON r.id = n.recipient_id"
        .replace("CAST(one.value AS text) + 0", "CAST(CAST(one.value AS text) AS bigint)")
    )
    match = "deliveries.id = CAST(CAST(one.value AS text) AS bigint) AND lease_token = 'x' AND state = 'sending'"
    mark = text(f"UPDATE deliveries SET handed_at = {now}, lease_until = {later} FROM {rows} WHERE {match} RETURNING id")
    close = text(
        f"UPDATE deliveries SET state = 'sent', provider = 'null', closed_at = {now}, lease_token = NULL "
        f"FROM {rows} WHERE {match}"
    )
    log = text(
        "INSERT INTO attempts (delivery_id, number, provider, target, outcome, code, response, provider_ref, started_at, "
        f"duration_ms) SELECT CAST(CAST(one.value AS text) AS bigint), 1, 'null', 'u…', 'sent', '200', 'ok', 'ref', {now}, 0 "
        f"FROM {rows}"
    )
    count = text("UPDATE broadcast_counts SET count = count + :n WHERE broadcast_id = :b AND slot = 0")
    with reading() as connection:
        version = plan_of(connection, "offer").version
    while True:
        with writing() as connection:
            ids = list(connection.execute(lease, {"b": broadcast}).scalars())
        if not ids:
            return
        with reading() as connection:
            people = {row.id: row for row in connection.execute(read, {"rows": json.dumps(ids)})}
        before: list[int] = []
        for start in range(0, len(ids) + BATCH, BATCH):
            batch = ids[start : start + BATCH]
            version.render_many({"amount": 1}, [{"name": people[pk].name} for pk in batch])
            with writing() as connection:
                if before:
                    connection.execute(close, {"rows": json.dumps(before)})
                    connection.execute(log, {"rows": json.dumps(before)})
                    connection.execute(count, {"n": len(before), "b": broadcast})
                if batch:
                    connection.execute(mark, {"rows": json.dumps(batch)})
            before = batch


def ours(broadcast: int) -> None:
    """The worker's own loop over the lane."""
    while jobs._serve("email", broadcast):
        pass


def cost(people: int, work: Callable[[], None]) -> tuple[float, float]:
    """Microseconds a person: by the clock, and of this process's CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - clock) / people * 1e6, (time.process_time() - cpu) / people * 1e6


def expanded() -> int:
    """A broadcast with its rows written."""
    pk = broadcasts.create("all", "offer", {"amount": 1}, SendOptions())
    expand.expand(pk, lambda: False, lambda channels: None)
    return pk


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; a PostgreSQL one is emptied")
    options.add_argument("--people", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    app = Flask("bench")
    init_app(app, load(home=tempfile.mkdtemp(), database_url=chosen.database))
    with app.app_context():
        prepared(app, chosen.people)
        app.extensions["carillon.providers"]["email"] = Null(app.extensions["carillon.settings"])
        found = []
        for _ in range(chosen.rounds):
            theirs, mine = expanded(), expanded()
            reference = cost(chosen.people, lambda pk=theirs: bare(pk, db.engine.dialect.name))
            found.append((*cost(chosen.people, lambda pk=mine: ours(pk)), *reference))
        clock, cpu, bare_clock, bare_cpu = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{db.engine.dialect.name}, {chosen.people:,} people, microseconds each: Carillon {clock:.0f} ({cpu:.0f} of CPU), "
            f"bare {bare_clock:.0f} ({bare_cpu:.0f}): {clock / bare_clock:.2f} x, {cpu / bare_cpu:.2f} x the CPU"
        )


if __name__ == "__main__":
    main()
