"""POST /notify/ against a running server: how many a second are accepted, and how long one waits; beside an empty route.

    python -m tests.bench.bench_http [--postgres postgresql://... --redis redis://...] [--seconds 8] [--connections 8]

Embedded (`carillon up`, SQLite) without options; with PostgreSQL and Redis: gunicorn with two threaded workers, and a worker
process that sends meanwhile. The reference of the same run is GET /healthz on the same server: what a request costs that does
nothing. Then the time from POST to the SMTP server's receipt on the idle system. Targets: PostgreSQL more than 285/s with p99
under 105 ms at 8 connections (GOV.UK Notify on such a machine), SQLite more than 300/s, no error; receipt p50 under 18 ms.
The load comes from processes of this program, which share the machine's cores with the server.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from flask_migrate import upgrade

from dashboard import create_app, keys
from tasks.extensions import db
from tests import factories
from tests.chaos.processes import Workers, environment, free_port, smtp_sink, until
from tests.peers.record import ids

SECRET = "a-bench-secret-of-32-bytes-or-more"
TYPE = {"Content-Type": "application/json"}


def client(
    url: str, key: str, method: str, path: str, seconds: float, first: int, answers: "multiprocessing.Queue[object]"
) -> None:
    """One connection, one request after the other for `seconds`. Puts (milliseconds of each, errors) into `answers`."""
    parts = urlsplit(url)
    wire = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {**TYPE, "Authorization": f"Bearer {key}"}
    took: list[float] = []
    errors = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        person = {"id": str(first + len(took)), "email": f"u{first + len(took)}@example.test"}
        body = json.dumps({"template_name": "payment_success", "data": {"amount": 5}, "recipient": person})
        started = time.perf_counter()
        wire.request(method, path, body if method == "POST" else None, headers)
        answer = wire.getresponse()
        answer.read()
        took.append((time.perf_counter() - started) * 1_000)
        errors += answer.status not in (200, 202)
    answers.put((took, errors))


def load(url: str, key: str, method: str, path: str, seconds: float, connections: int) -> tuple[float, list[float], int]:
    """Requests a second, milliseconds of each, errors."""
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[object] = context.Queue()
    clients = [
        context.Process(target=client, args=(url, key, method, path, seconds, number * 1_000_000, answers))
        for number in range(connections)
    ]
    for one in clients:
        one.start()
    found = [answers.get(timeout=seconds + 60) for _ in clients]
    for one in clients:
        one.join()
    took = [each for times, _ in found for each in times]  # type: ignore[misc,attr-defined]
    return len(took) / seconds, took, sum(errors for _, errors in found)  # type: ignore[misc,attr-defined]


def row(name: str, rate: float, took: list[float], errors: int, bare: float) -> None:
    """One line of the table."""
    p50, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    print(f"{name:<34}{rate:>9.0f}/s{p50:>9.1f}{p99:>9.1f}{errors:>8}{rate / bare:>10.2f} x")


def receipts(url: str, key: str, log: Path, rounds: int) -> list[float]:
    """Milliseconds from POST to the mail server's receipt, one at a time on the idle system."""
    parts = urlsplit(url)
    wire = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    took = []
    for number in range(rounds):
        before = len(ids(log))
        body = json.dumps({"template_name": "mail", "recipient": {"id": f"r{number}", "email": f"r{number}@example.test"}})
        started = time.perf_counter()
        wire.request("POST", "/notify/", body, {**TYPE, "Authorization": f"Bearer {key}"})
        wire.getresponse().read()
        until(lambda seen=before: len(ids(log)) > seen, 20)  # type: ignore[misc]
        took.append((time.perf_counter() - started) * 1_000)
        time.sleep(0.1)
    return took


@contextmanager
def serving(settings: dict[str, object], folder: Path) -> Iterator[str]:
    """The server's address: embedded, or gunicorn and a worker where there is a queue."""
    port = free_port()
    process_environment = environment(settings)
    with ExitStack() as stack:
        if "queue_url" in settings:
            command = ["-m", "gunicorn", "-w", "2", "--threads", "8", "-b", f"127.0.0.1:{port}", "wsgi:app"]
            stack.callback(Workers({**settings}, 1, folder / "worker.log").end)
        else:
            command = ["-c", "from dashboard.cli import main; main()", "up", "--port", str(port)]
        server = subprocess.Popen([sys.executable, *command], env=process_environment, stdout=subprocess.DEVNULL)
        stack.callback(server.wait, 30)
        stack.callback(server.terminate)
        until(lambda: _answers(port), 30)
        yield f"http://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        wire.request("GET", "/readyz")
        return wire.getresponse().status == 200
    except OSError:
        return False


def prepared(settings: dict[str, object]) -> str:
    """A migrated database with the texts of the run. Returns a key."""
    app = create_app(**settings)
    with app.app_context():
        upgrade()
        if settings.get("database_url"):
            factories.empty()
        factories.template()
        factories.template("mail", title="Hello", message="Hello")
        factories.rule("mail", channels=("email",))
        _, key = keys.create_key("bench", ["send"], "bench")
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return key


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--postgres", default="", help="a database that is emptied")
    options.add_argument("--redis", default="")
    options.add_argument("--seconds", type=float, default=8)
    options.add_argument("--connections", type=int, default=8)
    chosen = options.parse_args()
    folder = Path(tempfile.mkdtemp())
    os.environ["TZ"] = "UTC"
    log = folder / "accepted"
    with ExitStack() as stack:
        port = stack.enter_context(smtp_sink(log))
        settings: dict[str, object] = {
            "home": folder, "secret_key": SECRET, "smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "bench@example.test",
            "api_rate": 0,
        }
        if chosen.postgres:
            settings |= {"database_url": chosen.postgres, "queue_url": chosen.redis, "message_queue_url": chosen.redis}
        key = prepared(settings)
        url = stack.enter_context(serving(settings, folder))
        print(f"{'':<34}{'rate':>11}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}{'to empty':>12}")
        measure: Callable[..., tuple[float, list[float], int]] = load
        bare, took, errors = measure(url, key, "GET", "/healthz", chosen.seconds / 2, chosen.connections)
        row("GET /healthz, which does nothing", bare, took, errors, bare)
        rate, took, errors = measure(url, key, "POST", "/notify/", chosen.seconds, chosen.connections)
        row(f"POST /notify/, {chosen.connections} connections", rate, took, errors, bare)
        time.sleep(2)
        found = receipts(url, key, log, 40)
        print(f"POST to the mail server's receipt, idle: p50 {statistics.median(found):.1f} ms, "
              f"p95 {statistics.quantiles(found, n=20)[18]:.1f} ms")


if __name__ == "__main__":
    main()
