"""Channels that ring only if nobody read the message in the app, and channels that ring only for who is not online."""

import pytest
from sqlalchemy import select, update

from tasks import broadcasts, expand, inbox, jobs, presence, public_id
from tasks.audience.recipients import find
from tasks.database import writing
from tasks.errors import InvalidOption
from tasks.extensions import db
from tasks.ledger import lease
from tasks.ledger.processes import current_process_id
from tasks.models import Broadcast, Delivery, Notification
from tasks.models.types import utcnow
from tasks.options import SendOptions
from tasks.route import check_waiting
from tasks.send import notify, notify_bulk
from tasks.status import broadcast_counts, notification_status
from tests import factories

MAYA = {"id": "42", "email": "a@example.test", "tokens": ["one"]}


@pytest.fixture
def waits(any_app):
    """E-mail if not read within half an hour, push at once."""
    factories.template()
    return factories.rule(channels=["push"], escalate={"email": 1800})


def mark(action="read", external_id="42", ids=None):
    pk = find(external_id).id
    db.session.rollback()
    return inbox.mark(pk, action, ids)


def the_mail():
    return factories.deliveries("email")[0]


def wait_in_seconds(row):
    return (row.next_attempt_at - utcnow()).total_seconds()


@pytest.mark.parametrize("async_send", [True, False])
def test_it_is_written_with_the_message_and_waits(waits, async_send):
    notify(MAYA, "payment_success", async_send=async_send, amount=1)
    jobs._round("email")
    row = the_mail()
    assert (row.state, row.unless, row.attempt_count, row.leased_by) == ("queued", "read", 0, None)
    assert 1700 < wait_in_seconds(row) <= 1800
    factories.due_now()
    jobs._round("email")
    assert the_mail().state == "sent"


@pytest.mark.parametrize("action", ["read", "archive", "delete"])
def test_who_has_seen_it_is_spared(waits, action):
    notify(MAYA, "payment_success", async_send=True, amount=1)
    mark(action)
    row = the_mail()
    assert (row.state, row.reason, row.closed_at is not None) == ("skipped", "read", True)
    assert factories.deliveries("push")[0].state == "queued"  # that one does not wait for anybody
    factories.due_now()
    jobs._round("email")
    assert the_mail().attempts == []


def test_only_the_messages_that_were_read(waits):
    first = notify(MAYA, "payment_success", amount=1)
    notify(MAYA, "payment_success", amount=2)
    mark(ids=[first.id])
    assert [row.state for row in factories.deliveries("email")] == ["skipped", "queued"]
    mark("unread")
    assert [row.state for row in factories.deliveries("email")] == ["skipped", "queued"]  # what is off stays off


def test_it_is_looked_at_again_when_it_is_handed_over(waits):
    notify(MAYA, "payment_success", async_send=True, amount=1)
    factories.due_now()
    token, ids = lease.lease("email", None, 10, current_process_id())
    mark()
    assert lease.hand_over(ids, token, current_process_id()) == set()
    row = the_mail()
    assert (row.state, row.reason, row.attempt_count) == ("skipped", "read", 0)


def test_a_retry_too_is_for_those_who_have_not_read_it(waits):
    notify({**MAYA, "email": "fails-once@example.test"}, "payment_success", async_send=True, amount=1)
    factories.due_now()
    jobs._round("email")
    assert the_mail().state == "retrying"
    mark()
    assert (the_mail().state, the_mail().reason) == ("skipped", "read")


def test_a_channel_that_was_asked_for_rings_at_once(waits):
    notify(MAYA, "payment_success", options=SendOptions(channels=("email",)), amount=1)
    assert (the_mail().state, the_mail().unless) == ("sent", None)


def test_nobody_waits_half_an_hour_for_a_result(waits):
    handle = notify(MAYA, "payment_success", async_send=True, amount=1)
    jobs._round("push")
    assert handle.result(timeout=5)["status"] == "sent"
    bulk = notify_bulk([MAYA], "payment_success", async_send=False, amount=1)
    assert bulk["deliveries"] == {"in_app": {"sent": 1}, "push": {"sent": 1}, "email": {"queued": 1}}
    found = notification_status(handle.id)
    assert found["status"] == "sent"
    assert [row["unless"] for row in found["deliveries"]] == [None, None, "read"]


@pytest.mark.parametrize("title", ["One for all", "For {{ recipient.name }}"])
def test_a_broadcast_goes_on_until_its_escalations_are_closed(any_app, title):
    factories.template(title=title)
    factories.rule(channels=[], escalate={"email": 1800})
    factories.people(3)
    pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
    expand.expand(pk, lambda: False, lambda _: None)
    assert broadcasts.finish() == []
    mark(external_id="0")
    assert broadcast_counts(pk) == {"in_app": {"sent": 3}, "email": {"queued": 2, "skipped": 1}}
    assert broadcasts.finish() == []
    factories.due_now()
    while jobs._round("email"):
        pass
    assert broadcast_counts(pk) == {"in_app": {"sent": 3}, "email": {"sent": 2, "skipped": 1}}
    assert db.session.get(Broadcast, pk, populate_existing=True).state == "completed" or broadcasts.finish() == [pk]


@pytest.fixture
def spares(any_app):
    """Push only for who is not online."""
    factories.template()
    return factories.rule(channels=["push", "email"], offline_only=["push"])


def come_online():
    presence.came("a", find("42").id, current_process_id())


@pytest.mark.parametrize("async_send", [True, False])
def test_who_is_online_is_spared(spares, async_send):
    factories.person("42", email="a@example.test", tokens=["one"])
    come_online()
    notify("42", "payment_success", async_send=async_send, amount=1)
    jobs._round("push")
    (row,) = factories.deliveries("push")
    assert (row.state, row.reason, row.attempts) == ("skipped", "online", [])
    jobs._round("email")
    assert the_mail().state == "sent"


@pytest.mark.parametrize("async_send", [True, False])
def test_who_is_not_online_hears_it(spares, async_send):
    notify(MAYA, "payment_success", async_send=async_send, amount=1)
    jobs._round("push")
    assert factories.deliveries("push")[0].state == "sent"


@pytest.mark.parametrize("async_send", [True, False])
def test_a_push_that_was_asked_for_rings_anyway(spares, async_send):
    factories.person("42", tokens=["one"])
    come_online()
    notify("42", "payment_success", async_send=async_send, options=SendOptions(channels=("push",)), amount=1)
    jobs._round("push")
    assert factories.deliveries("push")[0].state == "sent"


def test_what_a_rule_may_say_of_waiting():
    check_waiting(["email"], {"email": 60}, [], 3600)
    for channels, escalate, offline_only, expires_after, field in (
        (["push"], {"email": 60}, [], None, "escalate.email"), (["email"], {"email": 59}, [], None, "escalate.email"),
        (["email"], {"email": 2_592_001}, [], None, "escalate.email"), (["email"], {"email": "60"}, [], None, "escalate.email"),
        (["email"], {"email": True}, [], None, "escalate.email"), (["email"], {"email": 600}, [], 600, "escalate.email"),
        (["in_app"], {"in_app": 60}, [], None, "escalate.in_app"), (["email"], {}, ["push"], None, "offline_only"),
    ):
        with pytest.raises(InvalidOption) as caught:
            check_waiting(channels, escalate, offline_only, expires_after)
        assert caught.value.field == field


def test_a_test_message_in_no_inbox_escalates_all_the_same(waits):
    notify(MAYA, "payment_success", async_send=True, amount=1)
    with writing() as connection:
        connection.execute(update(Notification).values(is_test=True, deleted_at=utcnow()))
        connection.execute(update(Delivery).where(Delivery.channel == "email").values(next_attempt_at=utcnow()))
    token, ids = lease.lease("email", None, 10, current_process_id())
    assert lease.hand_over(ids, token, current_process_id()) == set(ids)
    assert db.session.scalar(select(Notification.pk)) == public_id.decode(public_id.NOTIFICATION, factories.notifications()[0].id)
