"""`carillon worker`: processes of their own, which end when asked and are replaced when they die."""

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert

from dashboard.demo.load import load
from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Process
from tests.dashboard.cli.conftest import Carillon, Inside
from tests.peers.program import Program


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def demo(inside: Inside, home: Path) -> Path:
    """An installation that has the demo's data. A folder `tasks` of the user's own stands beside it, in the way."""
    with inside():
        load()
    (home.parent / "tasks").mkdir()
    (home.parent / "tasks" / "__init__.py").write_text("raise RuntimeError('the wrong folder')\n")
    return home


def rows(home: Path, query: str) -> list[tuple]:
    with sqlite3.connect(home / "carillon.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def workers(home: Path) -> list[int]:
    return [pid for (pid,) in rows(home, "SELECT pid FROM processes WHERE kind = 'worker' AND ended_at IS NULL ORDER BY id")]


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_it_delivers_what_is_queued_and_ends_when_asked(carillon: Carillon, demo: Path, signum: signal.Signals) -> None:
    (sent,) = json.loads(carillon("send", "otp_sms", "--to", "demo-3", "--async", "--json", "otp=1").stdout)
    assert sent["status"] == "queued"

    with Program(demo.parent, "worker", home=demo) as worker:
        until(lambda: workers(demo) == [worker.process.pid])
        until(lambda: rows(demo, "SELECT state FROM deliveries WHERE channel = 'sms'") == [("sent",)])
        loaded = Path(f"/proc/{worker.process.pid}/cmdline").read_text()
        status = worker.stop(signum)

    assert status == 0
    assert "tasks.workers" in loaded
    assert worker.said() == ""
    assert workers(demo) == []


def test_several_stand_in_for_each_other(demo: Path) -> None:
    with Program(demo.parent, "worker", "--workers", "2", home=demo) as fleet:
        until(lambda: len(workers(demo)) == 2)
        lost, kept = workers(demo)

        os.kill(lost, signal.SIGKILL)

        until(lambda: len(workers(demo)) == 2 and lost not in workers(demo))
        assert kept in workers(demo)
        assert f"worker {lost} ended with status -9" in fleet.said()
        assert set(fleet.children()) == set(workers(demo))
        assert fleet.stop(signal.SIGINT) == 0

    assert workers(demo) == []


def test_beside_a_web_process_it_needs_a_message_queue(
    carillon: Carillon, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inside():
        row = {
            "kind": "web", "host": socket.gethostname(), "boot_id": processes._boot_id(), "pid": 1,
            "started_ticks": processes._started_ticks(1),
        }
        db.session.execute(insert(Process).values(row))
        db.session.commit()

    result = carillon("worker")

    assert result.exit_code == 1
    assert "CARILLON_MESSAGE_QUEUE_URL is not set" in result.stderr
    assert "(web, pid 1 on " in result.stderr
