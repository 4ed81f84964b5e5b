"""The embedded worker: it works at once, finds what was left lying, and ends without leaving doubt."""

import time

import pytest
from sqlalchemy import select

from tasks import jobs, queue
from tasks.extensions import db
from tasks.models import Process
from tasks.send import broadcast, notify
from tasks.worker import Worker
from tests import factories


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "still not true"
        time.sleep(0.02)


@pytest.fixture
def worker(app):
    factories.template()
    factories.rule()
    factories.people(20)
    made = Worker(app, threads=3, embedded=True)
    made.start()
    yield made
    if not made.stop_flag.is_set():
        made.stop(graceful=True)


def states():
    return {row.state for row in factories.deliveries("email")}


@pytest.mark.usefixtures("worker")
def test_an_async_send_is_delivered_and_the_handle_knows():
    assert notify("1", "payment_success", async_send=True, amount=1).result(timeout=20)["status"] == "sent"


@pytest.mark.usefixtures("worker")
def test_a_broadcast_runs_to_its_end():
    made = broadcast("all", "payment_success", amount=1)
    until(lambda: (db.session.rollback(), db.session.refresh(made), made.state)[2] == "completed")
    assert states() == {"sent"}


def test_what_was_queued_before_it_started_is_found_without_a_wake_up(app):
    factories.template()
    factories.rule()
    factories.people(3)
    notify("1", "payment_success", async_send=True, amount=1)
    queue.huey.flush()
    worker = Worker(app, threads=2, embedded=True)
    worker.start()
    until(lambda: states() == {"sent"})
    worker.stop(graceful=True)


def test_it_says_goodbye(worker):
    worker.stop(graceful=True)
    assert db.session.scalars(select(Process.ended_at)).one() is not None


def test_the_tick_outlives_whatever_it_meets(app, monkeypatch):
    met = []

    def look():
        met.append(1)
        raise RuntimeError("nobody foresaw this")

    worker = Worker(app, threads=1, embedded=True)
    monkeypatch.setattr(jobs, "tick", look)
    worker.start()
    until(lambda: len(met) > 1)
    worker.stop(graceful=True)
