"""POST /notify/ against a running server: how many a second are accepted, and how long one waits; beside an empty Flask view.

    python -m tests.bench.bench_http [--postgres postgresql://... --redis redis://...] [--seconds 8]
        [--connections 8] [--repeat 3]

Embedded (`carillon up`, SQLite) without options; with PostgreSQL and Redis: gunicorn with two threaded workers, and a worker
process that sends meanwhile. The database is made, and dropped at the end; one that is there already is emptied, and stays.
References of the same run: an empty Flask view under gunicorn with two threaded workers says how quick the machine is, GET
/healthz what a request costs here that does nothing. Then the time from POST to the SMTP server's receipt on the idle system.
Targets: PostgreSQL more than 285/s with p99 under 105 ms at 8 connections (GOV.UK Notify, on a machine whose empty view gave
4,300/s: on a slower one, as much less), SQLite more than 300/s, no error; receipt p50 under 18 ms.
The load shares the machine's cores with the server. "light": raw sockets in one thread of this program; "http.client": a process
of the standard library's client for each connection, as heavy as a service written in Python. CPU is what all processes of the
server used for a request: the figure that holds on a busy machine too.
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
from sqlalchemy import create_engine, make_url, text

from dashboard import create_app, keys
from tasks.extensions import db
from tests import factories
from tests.bench import light_client
from tests.chaos.processes import Workers, environment, free_port, smtp_sink, until

REFERENCE = 4_300  # requests a second of the empty view on the machine that the targets were set on
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


def requests(key: str, method: str, path: str, host: str, first: int) -> Callable[[int], bytes]:
    """The same requests as bytes, for the light client."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    def request(number: int) -> bytes:
        if method == "GET":
            return f"{head}\r\n".encode()
        person = {"id": str(first + number), "email": f"u{first + number}@example.test"}
        body = json.dumps({"template_name": "payment_success", "data": {"amount": 5}, "recipient": person})
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    return request


def row(name: str, found: tuple[float, list[float], int], used: float, bare: float) -> None:
    """One line of the table. `used`: seconds of the processor. `bare`: what the empty view gave a second."""
    rate, took, errors = found
    p50, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    cost = used / len(took) * 1_000
    print(f"{name:<34}{rate:>9.0f}/s{p50:>9.1f}{p99:>9.1f}{errors:>8}{cost:>9.2f} ms{rate / (bare or rate):>10.2f} x")


def receipts(url: str, key: str, log: Path, rounds: int) -> list[float]:
    """Milliseconds from POST to the mail server's receipt, one at a time on the idle system."""
    parts = urlsplit(url)
    wire = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    took = []
    for number in range(rounds):
        before = log.stat().st_size if log.exists() else 0
        body = json.dumps({"template_name": "mail", "recipient": {"id": f"r{number}", "email": f"r{number}@example.test"}})
        started = time.perf_counter()
        wire.request("POST", "/notify/", body, {**TYPE, "Authorization": f"Bearer {key}"})
        while not log.exists() or log.stat().st_size == before:
            if time.perf_counter() - started > 20:
                raise SystemExit("a mail did not arrive within 20 seconds")
            time.sleep(0.0005)
        took.append((time.perf_counter() - started) * 1_000)
        wire.getresponse().read()
        time.sleep(0.1)
    return took


@contextmanager
def serving(settings: dict[str, object], folder: Path) -> Iterator[tuple[str, int]]:
    """The server's address and process: embedded, or gunicorn and a worker where there is a queue."""
    with ExitStack() as stack:
        if "queue_url" in settings:
            stack.callback(Workers({**settings}, 1, folder / "worker.log").end)
        embedded = [] if "queue_url" in settings else ["-c", "from dashboard.cli import main; main()", "up", "--port"]
        yield stack.enter_context(_running(embedded, "wsgi:app", "/readyz", environment(settings)))


@contextmanager
def _running(command: list[str], app: str, path: str, variables: dict[str, str]) -> Iterator[tuple[str, int]]:
    """A server of `app` with two threaded workers, or the `command`, which ends with the option for the port."""
    port = free_port()
    gunicorn = ["-m", "gunicorn", "-w", "2", "--threads", "8", "--log-level", "warning", "-b", f"127.0.0.1:{port}", app]
    server = subprocess.Popen(
        [sys.executable, *([*command, str(port)] if command else gunicorn)], env=variables, stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: _answers(port, path), 60)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def database(url: str) -> Iterator[None]:
    """The PostgreSQL database of `url` is there, and dropped at the end where it was not there before."""
    name = make_url(url).database
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        made = not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if made:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        try:
            yield
        finally:
            if made:
                connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    engine.dispose()


def _answers(port: int, path: str) -> bool:
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        wire.request("GET", path)
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


def compare(url: str, key: str, server: int, seconds: float, connections: int, first: int) -> tuple[float, float]:
    """One turn: the empty view, the empty route and POST /notify/ by the light client, then by the standard library's.

    Returns how many a second the empty view gave, and POST /notify/.
    """
    with _running([], "tests.bench.bare_view:app", "/", {**os.environ}) as (empty, other):
        asked, before = requests(key, "GET", "/", urlsplit(empty).netloc, first), light_client.spent(other)
        found = light_client.load(empty, asked, min(seconds, 3.0), connections)
        row("empty Flask view, two workers", found, light_client.spent(other) - before, found[0])
    rates = [found[0]]
    for method, path in (("GET", "/healthz"), ("POST", "/notify/")):
        asked, before = requests(key, method, path, urlsplit(url).netloc, first), light_client.spent(server)
        found = light_client.load(url, asked, seconds, connections)
        row(f"{method} {path}, light", found, light_client.spent(server) - before, rates[0])
        rates.append(found[0])
    before = light_client.spent(server)
    found = load(url, key, "POST", "/notify/", seconds, connections)
    row("POST /notify/, http.client", found, light_client.spent(server) - before, rates[0])
    return rates[0], rates[-1]


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--postgres", default="", help="address of a database: made and dropped; or emptied")
    options.add_argument("--redis", default="")
    options.add_argument("--seconds", type=float, default=8)
    options.add_argument("--connections", type=int, default=8)
    options.add_argument("--repeat", type=int, default=3)
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
            stack.enter_context(database(chosen.postgres))
            settings |= {"database_url": chosen.postgres, "queue_url": chosen.redis, "message_queue_url": chosen.redis}
        key = prepared(settings)
        url, server = stack.enter_context(serving(settings, folder))
        print(f"{'':<34}{'rate':>11}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}{'CPU each':>12}{'to view':>12}")
        turns = [
            compare(url, key, server, chosen.seconds, chosen.connections, turn * 100_000_000)
            for turn in range(1, chosen.repeat + 1)
        ]
        empty, accepted = (statistics.median(rates) for rates in zip(*turns, strict=True))
        target = (285 if chosen.postgres else 300) * empty / REFERENCE
        print(f"Median: {accepted:.0f}/s accepted beside an empty view of {empty:.0f}/s; where that gives {REFERENCE}/s, this is "
              f"{accepted * REFERENCE / empty:.0f}/s. The target here: {target:.0f}/s.")
        time.sleep(2)
        found = receipts(url, key, log, 40)
        print(f"POST to the mail server's receipt, idle: p50 {statistics.median(found):.1f} ms, "
              f"p95 {statistics.quantiles(found, n=20)[18]:.1f} ms")


if __name__ == "__main__":
    main()
