"""How long the dashboard takes on a filled database: `python -m tests.bench.bench_pages HOME` after `tests.bench.fill HOME`.

CARILLON_DATABASE_URL, where it is set, names the database instead of HOME's own. Prints the median and the worst of ten; the
aim is under 200 ms for every page at a million deliveries.
"""

import statistics
import sys
import time

from flask import Flask
from flask.testing import FlaskClient

from dashboard import create_app
from tasks.extensions import db
from tasks.models import Operator

TIMES, AIM = 10, 200.0  # requests a page, milliseconds
PAGES = (
    "/admin/", "/admin/deliveries/", "/admin/deliveries/?before=500000", "/admin/deliveries/?after=500000",
    "/admin/deliveries/?state=failed", "/admin/deliveries/?state=bounced", "/admin/deliveries/?state=expired",
    "/admin/deliveries/?channel=sms&state=skipped", "/admin/deliveries/?recipient=u777", "/admin/deliveries/?template=otp_sms",
    "/admin/deliveries/?template=nothing", "/admin/deliveries/?reason=no_phone", "/admin/deliveries/?since=2020-01-01T00:00",
    "/admin/deliveries/details/?id=500001", "/admin/notifications/", "/admin/notifications/?recipient=u777",
    "/admin/notifications/?template=nothing", "/admin/notifications/details/?id=500001", "/admin/recipients/",
    "/admin/recipients/?find=u99999", "/admin/recipients/?name=004242", "/admin/recipients/?country=XX",
    "/admin/recipients/details/?id=500", "/admin/devices/", "/admin/devices/?recipient=u500", "/admin/templates/",
    "/admin/rules/", "/admin/segments/", "/admin/broadcasts/", "/admin/keys/", "/admin/operators/", "/admin/audit/",
    "/admin/compose/",
)


def signed_in(app: Flask) -> FlaskClient:
    """A client with the session of an administrator."""
    with app.app_context():
        row = db.session.query(Operator).filter_by(role="admin").first()
        if row is None:
            row = Operator(email="bench@example.org", password_hash="x", role="admin", timezone="Asia/Kathmandu")
            db.session.add(row)
            db.session.commit()
        identity = f"{row.id}:{row.session_epoch}"
    client = app.test_client()
    with client.session_transaction() as session:
        session.update({"_user_id": identity, "_fresh": True, "since": int(time.time()), "seen": int(time.time())})
    return client


def measure(client: FlaskClient, path: str) -> list[float]:
    """Milliseconds of `TIMES` requests, after one that warms up; the start page counts anew each time."""
    taken = []
    for _ in range(TIMES + 1):
        client.application.extensions.pop("carillon.today", None)
        started = time.perf_counter()
        answer = client.get(path, headers={"Accept": "text/html"})
        taken.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, f"{path} answers {answer.status_code}"
    return taken[1:]


def main() -> None:
    """Print a line a page; exit with 1 where one misses the aim."""
    client = signed_in(create_app(home=sys.argv[1], secret_key="a-bench-secret-of-32-bytes-or-more"))
    slow = 0
    for path in PAGES:
        taken = measure(client, path)
        median = statistics.median(taken)
        slow += median > AIM
        print(f"{median:7.1f} ms   worst {max(taken):7.1f} ms   {path}")
    raise SystemExit(1 if slow else 0)


if __name__ == "__main__":
    main()
