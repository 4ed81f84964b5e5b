"""The jobs: a lost wake-up costs a tick, a failing one nothing."""

import logging
import math
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tasks import expand, jobs, queue
from tasks.database import writing
from tasks.extensions import db
from tasks.models import Breaker, Broadcast, Delivery
from tasks.models.types import db_clock, utcnow
from tasks.options import SendOptions
from tasks.send import broadcast, notify
from tests import factories


@pytest.fixture
def _setting(app):
    factories.template()
    factories.rule()
    factories.person("42", email="a@example.test")


def drain():
    """Run what is in the queue, as a worker would."""
    count = 0
    while (waiting := queue.huey.dequeue()) is not None:
        queue.huey.execute(waiting)
        count += 1
    return count


@pytest.mark.usefixtures("_setting")
def test_a_wake_up_delivers_what_is_due():
    notify("42", "payment_success", async_send=True, amount=1)
    assert drain() == 1
    assert [row.state for row in factories.deliveries("email")] == ["sent"]


@pytest.mark.usefixtures("_setting")
def test_a_lost_wake_up_is_made_good_by_the_tick():
    notify("42", "payment_success", async_send=True, amount=1)
    queue.huey.flush()
    jobs.tick()
    drain()
    assert [row.state for row in factories.deliveries("email")] == ["sent"]


@pytest.mark.usefixtures("_setting")
def test_a_queue_that_is_away_fails_no_send(monkeypatch, caplog):
    def away(*_args):
        raise ConnectionError("no route to the queue")

    monkeypatch.setattr(queue.huey.storage, "enqueue", away)
    with caplog.at_level(logging.WARNING):
        handle = notify("42", "payment_success", async_send=True, amount=1)
    assert handle.status == "queued"
    assert "wake-up failed" in caplog.text


@pytest.mark.usefixtures("_setting")
def test_an_idle_tick_asks_for_nothing():
    jobs.tick()
    assert drain() == 0


@pytest.mark.usefixtures("_setting")
def test_a_broadcast_runs_to_its_end_by_its_own_wake_ups():
    made = broadcast("all", "payment_success", amount=1)
    while drain():
        jobs.tick()
    assert db.session.get(Broadcast, made.pk, populate_existing=True).state == "completed"
    assert [row.state for row in factories.deliveries("email")] == ["sent"]


@pytest.mark.usefixtures("_setting")
def test_a_scheduled_broadcast_waits_for_its_time():
    options = SendOptions(send_at=utcnow() + timedelta(hours=1))
    made = broadcast("all", "payment_success", options=options, amount=1)
    drain()
    jobs.tick()
    assert db.session.get(Broadcast, made.pk, populate_existing=True).state == "scheduled"
    with db.engine.begin() as connection:
        connection.execute(Broadcast.__table__.update().values(send_at=utcnow() - timedelta(seconds=1)))
    for _ in range(3):
        jobs.tick()
        drain()
    assert db.session.scalars(select(Broadcast.state)).one() == "completed"


@pytest.mark.usefixtures("_setting")
def test_a_second_loop_for_a_channel_only_asks_the_first_to_look_again():
    seen = []
    with jobs._alone("deliver email") as first:
        for _ in first:
            seen.append("first")
            if len(seen) == 1:
                with jobs._alone("deliver email") as second:
                    seen.extend("second" for _ in second)
    assert seen == ["first", "first"]


@pytest.mark.usefixtures("_setting")
def test_the_probe_of_a_provider_that_is_back_goes_to_the_lane_that_has_something_to_send():
    jobs.expand_broadcast.call_local(broadcast("all", "payment_success", amount=1).pk)
    with writing() as connection:
        connection.execute(
            Breaker.__table__.insert().values(
                provider="simulator", failures=5, opened_at=db_clock(), next_probe_at=db_clock(-1), updated_at=db_clock()
            )
        )
    jobs.deliver_channel.call_local("email")
    assert [row.state for row in factories.deliveries("email")] == ["sent"]


def test_a_broadcast_to_ten_thousand_wakes_the_workers_once_a_page_never_once_a_person(app, monkeypatch):
    factories.template()
    factories.rule(channels=["email", "sms"])
    factories.people(10_000)
    monkeypatch.setattr(expand, "LONGEST", dict.fromkeys(expand.LONGEST, math.inf))  # full pages, however busy the machine
    woken = []
    enqueue = queue.huey.storage.enqueue
    monkeypatch.setattr(queue.huey.storage, "enqueue", lambda *given: (woken.append(given), enqueue(*given)))
    broadcast("all", "payment_success", amount=1)
    queue.huey.execute(queue.huey.dequeue())
    pages = db.session.scalar(select(Broadcast.expanded_count)) / 1_500  # 5,000 rows of three a person
    assert in_state("queued") == 10_000
    assert len(woken) == 1 + math.ceil(pages)  # nobody has a telephone: only the channel that has something to do
    jobs._serve("email", db.session.scalar(select(Broadcast.pk)))
    assert in_state("sent") > 1  # and one wake-up takes a batch


def in_state(state):
    """How many e-mails are."""
    rows = select(func.count()).select_from(Delivery).where(Delivery.channel == "email", Delivery.state == state)
    return db.session.scalar(rows)


@pytest.mark.usefixtures("_setting")
def test_while_the_queue_is_away_a_worker_does_by_itself_what_it_finds(monkeypatch):
    def away(*_args):
        raise ConnectionError("no route to the queue")

    monkeypatch.setattr(queue.huey.storage, "enqueue", away)
    broadcast("all", "payment_success", amount=1)
    for _ in range(2):  # its rows are written; then they are sent
        jobs.tick()
        for thread in list(jobs.beside):
            thread.join(20)
    assert [row.state for row in factories.deliveries("email")] == ["sent"]
