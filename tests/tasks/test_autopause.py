"""Too many failures on a channel: the broadcast waits for a human, once, with the reason in words."""

import threading

import pytest
from sqlalchemy import update

from tasks import autopause, broadcasts, control, jobs
from tasks.database import writing
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import AuditEntry, Broadcast, Delivery
from tasks.models.words import EMAIL, FAILED, PAUSED, SENDING, SENT, SKIPPED
from tasks.options import SendOptions
from tests import factories
from tests.dashboard.admin.story import delivery, notification

SETTINGS = {"auto_pause_share": 0.25, "auto_pause_after": 8}


@pytest.fixture
def settings():
    return SETTINGS


@pytest.fixture
def pk(any_app):
    version = factories.template().current_version
    people = [factories.person(name) for name in ("1", "2", "3")]
    made = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
    said = (("550", "No such user"), ("552", "Mailbox full"), ("552", "Mailbox full"))
    for person, (reason, detail) in zip(people, said, strict=True):
        message = notification(person, version.id, broadcast_id=made)
        delivery(message, EMAIL, FAILED, broadcast_id=made, reason=reason, detail=detail)
    db.session.commit()
    with writing() as connection:
        connection.execute(update(Broadcast).values(state=SENDING))
    return made


def closed(pk, state, number, channel=EMAIL):
    with writing() as connection:
        counts.add(connection, 1, {(pk, channel, state): number})


def state(pk):
    db.session.expire_all()
    return db.session.get(Broadcast, pk).state


def test_it_pauses_past_the_share_and_says_why(pk):
    closed(pk, SENT, 6)
    closed(pk, FAILED, 2)
    assert autopause.look() == []  # a quarter is not more than a quarter

    closed(pk, FAILED, 1)
    assert autopause.look() == [pk]

    row = db.session.get(Broadcast, pk)
    assert row.pause_reason == (
        "E-mail: 3 of 9 failed (33%). Most often: Code 552. It said: Mailbox full."
    )
    entry = db.session.query(AuditEntry).filter_by(object_type="broadcast").one()
    assert (entry.actor, entry.action) == ("auto-pause", "pause")
    assert entry.changes == {"reason": ["", row.pause_reason]}


def test_few_messages_and_skipped_ones_are_no_verdict(pk):
    closed(pk, FAILED, 7)
    closed(pk, SKIPPED, 1_000)
    assert autopause.look() == []


def test_resuming_forgives_what_failed_before(pk):
    closed(pk, FAILED, 10)
    assert autopause.look() == [pk]
    control.resume(pk, "asha")
    assert db.session.get(Broadcast, pk).pause_reason == ""

    assert autopause.look() == []
    closed(pk, SENT, 7)
    closed(pk, FAILED, 2)
    assert autopause.look() == []
    closed(pk, FAILED, 8)
    assert autopause.look() == [pk]


def test_a_provider_that_turns_bad_half_way_is_noticed_among_the_latest(pk):
    for _ in range(5):
        closed(pk, SENT, 1_000)
        assert autopause.look() == []
    closed(pk, FAILED, 80)  # one and a half per cent of all, but everything of late

    assert autopause.look() == [pk]


@pytest.mark.parametrize("settings", [SETTINGS | {"auto_pause_share": 0}, SETTINGS | {"auto_pause_after": 0}])
@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_it_can_be_switched_off(pk, settings):
    closed(pk, FAILED, 100)
    assert autopause.look() == []


def test_of_several_workers_one_pauses_it(pk, any_app):
    closed(pk, FAILED, 100)
    found = []

    def look():
        with any_app.app_context():
            found.extend(autopause.look())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [pk]
    assert db.session.query(AuditEntry).filter_by(object_type="broadcast").count() == 1


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_the_tick_looks_and_a_human_who_was_faster_stays_the_one(pk):
    closed(pk, FAILED, 100)
    control.pause(pk, "asha")
    control.resume(pk, "asha")
    closed(pk, FAILED, 100)
    with writing() as connection:  # something is left to send
        connection.execute(update(Delivery).values(state="queued"))
    jobs.tick()
    assert state(pk) == PAUSED
    control.cancel(pk, "asha")
    assert autopause.look() == []
