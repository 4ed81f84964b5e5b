"""The delivery log at a million rows: `python -m tests.bench.bench_log HOME [ROWS]`, on the database that CARILLON_DATABASE_URL
names, else on HOME's own.

An empty database is filled first, by SQL alone. Prints for every filter the median and the worst of five requests against the
limit, in milliseconds, and how many ids a page looked through where it stopped for the time. Exit status 1 where one is too slow.
"""

import re
import statistics
import sys
import time
from typing import Any

from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text

from dashboard import create_app
from tasks.database import writing
from tasks.extensions import db
from tests.bench.bench_pages import signed_in

TIMES, LIMIT = 5, 200.0  # requests a page, milliseconds
ROWS = 1_000_000
FILTERS = (
    "", "before=HALF", "after=HALF", "recipient=u777", "recipient=person777@example.org", "recipient=%2B9779800000777",
    "recipient=nobody", "template=payment", "template=rare", "template=never", "type=otp", "type=rare", "type=never",
    "channel=sms", "channel=email", "state=sent", "state=skipped", "state=failed", "state=unknown", "state=bounced",
    "state=expired", "state=cancelled", "state=queued", "state=retrying", "state=sending", "reason=no_device", "reason=opted_out",
    "reason=gave_up", "reason=550", "reason=never", "provider=smtp", "provider=sparrow", "broadcast=1", "broadcast=2",
    "broadcast=999", "test=1", "test=0", "since=DAY", "until=DAY", "since=DAY&until=HOUR",
    "channel=email&state=failed", "channel=sms&state=failed&reason=550", "template=payment&channel=sms&state=skipped",
    "recipient=u777&channel=email", "recipient=u777&state=failed", "broadcast=1&state=failed", "broadcast=1&channel=push",
    "type=otp&state=bounced", "template=rare&state=failed", "test=1&channel=sms", "since=DAY&channel=push&state=failed",
    "provider=smtp&reason=550&broadcast=1",
)
TEMPLATES = ("payment", "offer", "otp", "rare", "never")


def numbers(dialect: str, count: int) -> str:
    """The numbers from 1 to `count` as a table called series with the column n."""
    if dialect == "postgresql":
        return f"(SELECT n FROM generate_series(1, {count}) AS n) AS series"
    counting = f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c"
    return f"({counting}) AS series"


def fill(rows: int) -> None:
    """A tenth as many people as `rows`, a message and a delivery each row, over thirty days in the order of their ids."""
    people, second = max(rows // 10, 1_000), 30 * 86_400 / rows
    with writing() as connection:
        is_pg = connection.dialect.name == "postgresql"
        no, yes, empty = ("false", "true", "'{}'::jsonb") if is_pg else ("0", "1", "'{}'")

        def at(number: str, more: str = "0") -> str:
            age = f"({rows} - {number}) * {second} - {more}"
            if is_pg:
                return f"now() - make_interval(secs => {age})"
            return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', (-({age})) || ' seconds')"

        def run(sql: str) -> None:
            connection.execute(text(sql))

        old = at("0", "-864000")
        for number, slug in enumerate(TEMPLATES, 1):
            run(f"INSERT INTO templates (id, slug, name, description, notification_type, is_active, created_at, updated_at) "
                f"VALUES ({number}, '{slug}', '{slug}', '', '{slug}', {yes}, {old}, {old})")
            run(f"INSERT INTO template_versions (id, template_id, number, notification_type, title, message, sms_text, "
                f"email_subject, email_html, email_text, created_at, created_by) VALUES ({number}, {number}, 1, '{slug}', "
                f"'Hello', 'There', '', '', '', '', {old}, '')")
        for number, (start, end) in enumerate(((rows // 4, rows // 2), (rows // 2, rows // 2 + 2000)), 1):
            run(f"INSERT INTO broadcasts (id, template_version_id, data, audience, audience_label, state, detail, version, "
                f"cursor, is_test, audience_count, expanded_count, created_by, created_at, timezone, pause_reason, "
                f"round, started_at, expanded_at) VALUES ({number}, 2, {empty}, '\"all\"', '', 'completed', '', 1, 0, {no}, "
                f"0, 0, '', "
                f"{at(str(start))}, '', '', 1, {at(str(start))}, {at(str(end))})")
        run(f"INSERT INTO recipients (id, external_id, name, email, phone, locale, timezone, country, attributes, is_active, "
            f"created_at, updated_at) SELECT n, 'u' || n, 'Person ' || n, 'person' || n || '@example.org', "
            f"'+977' || (9800000000 + n), 'ne', 'Asia/Kathmandu', 'NP', {empty}, {yes}, {old}, {old} "
            f"FROM {numbers(connection.dialect.name, people)}")
        start, middle = rows // 4, rows // 2
        broadcast = f"CASE WHEN n > {start} AND n <= {middle} THEN 1 WHEN n > {middle} AND n <= {middle + 2000} THEN 2 END"
        version = f"CASE WHEN ({broadcast}) IS NOT NULL THEN 2 WHEN n % 99991 = 7 THEN 4 WHEN n % 3 = 0 THEN 3 ELSE 1 END"
        # A person has one message of a broadcast: the rest of its rows here have no mark on their messages.
        marked = f"CASE WHEN n <= {start + people} OR n > {middle} THEN {broadcast} END"
        run(f"INSERT INTO notifications (id, recipient_id, template_version_id, broadcast_id, title, message, created_at, "
            f"is_test) SELECT n, n % {people} + 1, {version}, {marked}, 'Hello', 'There', {at('n')}, n % 50021 = 11 "
            f"FROM {numbers(connection.dialect.name, rows)}")
        state = (
            "CASE WHEN n % 997 = 0 THEN 'failed' WHEN n % 99991 = 1 THEN 'bounced' WHEN n % 199999 = 1 THEN 'expired' "
            "WHEN n % 49999 = 1 THEN 'unknown' WHEN n % 299993 = 1 THEN 'cancelled' WHEN n % 10 = 3 THEN 'skipped' "
            "WHEN n % 249989 = 1 THEN 'retrying' WHEN n % 499979 = 1 THEN 'sending' WHEN n % 199967 = 1 THEN 'queued' "
            "WHEN n % 3 = 0 THEN 'delivered' ELSE 'sent' END"
        )
        reason = (
            "CASE WHEN n % 9970 = 0 THEN '550' WHEN n % 997 = 0 THEN 'gave_up' WHEN n % 10 = 3 AND n % 7001 = 0 THEN 'opted_out' "
            "WHEN n % 10 = 3 THEN 'no_device' ELSE '' END"
        )
        channel = "CASE n % 4 WHEN 0 THEN 'in_app' WHEN 1 THEN 'push' WHEN 2 THEN 'sms' ELSE 'email' END"
        run(f"INSERT INTO deliveries (id, notification_id, broadcast_id, channel, state, reason, detail, provider, "
            f"attempt_count, reap_count, round, priority, next_attempt_at, created_at, closed_at) "
            f"SELECT n, n, {broadcast}, {channel}, {state}, {reason}, '250 2.0.0 Ok', "
            f"CASE WHEN n % 4 = 3 THEN 'smtp' ELSE 'simulator' END, 1, 0, 1, 5, {at('n')}, "
            f"{at('n')}, {at('n', '2')} FROM {numbers(connection.dialect.name, rows)}")
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")  # PostgreSQL does it by itself within a minute; SQLite has no need of it


def asked(client: FlaskClient, query: str) -> tuple[list[float], str]:
    """Milliseconds of some requests after one that warms up, and how far the page looked where it did not look everywhere."""
    taken, page = [], ""
    for _ in range(TIMES + 1):
        started = time.perf_counter()
        answer = client.get(f"/admin/deliveries/?{query}", headers={"Accept": "text/html"})
        taken.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, f"{query} answers {answer.status_code}"
        page = answer.text
    found = re.search(r"Looked at the newest ([\d,]+) rows", page)
    return taken[1:], f"   looked at {found[1]}, offers to go on" if found else ""


def main() -> None:
    """Fill where it is empty, ask every filter, print a line each."""
    home, *more = sys.argv[1:]
    rows = int(more[0]) if more else ROWS
    app: Any = create_app(home=home, secret_key="a-bench-secret-of-32-bytes-or-more")
    with app.app_context():
        upgrade()
        if db.session.execute(text("SELECT count(*) FROM (SELECT 1 FROM deliveries LIMIT 1) AS found")).scalar() == 0:
            db.session.remove()
            started = time.monotonic()
            fill(rows)
            print(f"filled with {rows:,} deliveries in {time.monotonic() - started:.0f} s")
        print(f"{db.engine.dialect.name}, limit {LIMIT:.0f} ms")
    client, slow = signed_in(app), 0
    now = time.time()
    day, hour = (time.strftime("%Y-%m-%dT%H:%M", time.gmtime(now - age)) for age in (86_400 * 3, 3600))
    for query in FILTERS:
        query = query.replace("HALF", str(rows // 2)).replace("DAY", day).replace("HOUR", hour)
        taken, stopped = asked(client, query)
        median = statistics.median(taken)
        slow += median > LIMIT
        ratio = f"{median / LIMIT:4.2f} of the limit"
        print(f"{median:7.1f} ms   worst {max(taken):7.1f} ms   {ratio}   {query or 'everything'}{stopped}", flush=True)
    raise SystemExit(1 if slow else 0)


if __name__ == "__main__":
    main()
