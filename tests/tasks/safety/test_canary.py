"""A canary: never more than its people, however many workers; it stops by itself, or the rest follows."""

import threading

import pytest
from sqlalchemy import func, select, update

from tasks import broadcasts, control, jobs
from tasks.database import writing
from tasks.errors import InvalidOption
from tasks.expand import expand
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import AuditEntry, Broadcast, BroadcastPage, Delivery, Notification
from tasks.models.types import db_clock
from tasks.options import Canary, SendOptions
from tasks.safety import canary
from tests import factories

PEOPLE = 800


@pytest.fixture
def offer(any_app):
    factories.template("offer", title="Hello {{ recipient.name }}")
    factories.rule("offer")


def send(people=PEOPLE, first=7, share=None, wait=0):
    factories.people(people)
    return broadcasts.create("all", "offer", {"amount": 1}, SendOptions(canary=Canary(first, share, wait)))


def write(pk):
    expand(pk, lambda: False, lambda channels: None)


def deliver():
    while jobs._round("email"):
        pass


def row(pk):
    return db.session.get(Broadcast, pk, populate_existing=True)


def written(pk):
    return db.session.scalar(select(func.count()).select_from(Notification).where(Notification.broadcast_id == pk))


@pytest.mark.parametrize("first", [7, 620])
def test_its_people_go_first_and_the_others_follow_in_full(offer, first):
    pk = send(first=first)
    write(pk)
    write(pk)
    assert written(pk) == first
    assert (row(pk).state, broadcasts.due()) == ("expanding", [])

    assert canary.look() == []  # their e-mails have no result yet
    deliver()
    assert canary.look() == [pk]
    assert row(pk).canary_verdict == "good"
    assert broadcasts.due() == [pk]
    write(pk)

    assert (row(pk).state, written(pk), row(pk).expanded_count) == ("sending", PEOPLE, PEOPLE)
    people = select(Notification.recipient_id).where(Notification.broadcast_id == pk)
    assert db.session.scalar(select(func.count(func.distinct(people.subquery().c.recipient_id)))) == PEOPLE
    pages = db.session.execute(select(BroadcastPage.count).order_by(BroadcastPage.last_id)).scalars().all()
    assert sum(pages) == PEOPLE


def test_the_same_text_for_all_goes_the_quick_way_and_stops_there_too(any_app):
    factories.template("offer", title="Hello")
    factories.rule("offer")
    pk = send(first=620)
    write(pk)
    assert written(pk) == 620


def test_two_workers_and_many_wake_ups_never_pass_it(offer, any_app):
    pk = send(people=200, first=123)
    together = threading.Barrier(8)

    def work():
        with any_app.app_context():
            together.wait()
            for _ in range(3):
                write(pk)
                canary.look()
            db.session.remove()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written(pk) == 123
    assert len(factories.deliveries("email")) == 123


def test_too_many_failures_stop_it_before_the_rest_and_a_human_may_go_on(offer):
    for number in range(3):
        factories.person(f"bad{number}", email="bounce@example.test")
    pk = send(people=50, first=6, share=0.4)
    write(pk)
    deliver()

    assert canary.look() == [pk]

    found = row(pk)
    assert (found.state, found.canary_verdict, written(pk)) == ("paused", "bad", 6)
    assert found.pause_reason == "Its canary stopped it. E-mail: 3 of the first 6 did not get it."
    entry = db.session.query(AuditEntry).filter_by(object_type="broadcast").one()
    assert (entry.actor, entry.action) == ("canary", "pause")
    control.resume(pk, "asha")
    write(pk)
    assert (row(pk).state, written(pk)) == ("sending", 53)


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_what_cannot_be_made_good_any_more_stops_it_at_once(offer):
    pk = send(people=50, first=10, share=0.2)
    write(pk)
    with writing() as connection:
        counts.add(connection, 1, {(pk, "email", "failed"): 2})
    assert canary.look() == []
    with writing() as connection:
        counts.add(connection, 1, {(pk, "email", "unknown"): 1})
    assert canary.look() == [pk]
    assert row(pk).canary_verdict == "bad"


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_a_human_who_says_when(offer):
    pk = send(people=50, first=5, wait=None)
    write(pk)
    control.pause(pk, "asha")
    control.resume(pk, "asha")  # before there is a verdict this lets nobody else in
    write(pk)
    assert written(pk) == 5
    deliver()
    assert canary.look() == [pk]
    assert row(pk).state == "paused"
    assert row(pk).pause_reason == "The first 5 have it. In-app: 5 sent, 0 not; E-mail: 5 sent, 0 not."
    control.resume(pk, "asha")
    write(pk)
    assert written(pk) == 50


def test_the_stated_wait_begins_with_the_last_result(offer):
    pk = send(people=50, first=5, wait=600)
    write(pk)
    deliver()
    assert canary.look() == [pk]  # the wait begins
    assert (canary.look(), broadcasts.due()) == ([], [])
    with writing() as connection:
        connection.execute(update(Broadcast).values(canary_settled_at=db_clock(-601)))
    jobs.tick()
    assert row(pk).canary_verdict == "good"


def test_people_who_cannot_be_reached_outside_say_nothing(offer):
    for number in range(5):
        factories.person(f"none{number}")
    pk = send(people=50, first=5)
    write(pk)
    assert canary.look() == [pk]
    assert (row(pk).state, row(pk).canary_verdict) == ("paused", "unclear")


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_a_canary_of_everybody_is_just_the_broadcast(offer):
    pk = send(people=20, first=20)
    write(pk)
    deliver()
    assert (canary.look(), broadcasts.finish()) == ([], [pk])


def test_of_several_workers_one_lets_the_rest_go(offer, any_app):
    pk = send(people=50, first=5)
    write(pk)
    deliver()
    found = []

    def look():
        with any_app.app_context():
            found.extend(canary.look())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [pk]
    assert db.session.query(AuditEntry).filter_by(actor="canary").count() == 1


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_cancelled_with_only_its_canary_written(offer):
    pk = send(people=50, first=5)
    write(pk)
    control.cancel(pk, "asha")
    control.sweep_cancelled(pk, 1)
    write(pk)
    assert [one.state for one in db.session.scalars(select(Delivery).where(Delivery.channel == "email"))] == ["cancelled"] * 5
    assert written(pk) == 5


@pytest.mark.parametrize(("values", "field"), [((0,), "canary"), ((5, 2.0), "canary_share"), ((5, None, -1), "canary_wait")])
def test_what_is_wrong_with_it_is_named(values, field):
    with pytest.raises(InvalidOption) as raised:
        Canary(*values)
    assert raised.value.field == field
