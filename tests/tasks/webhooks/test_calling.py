"""Webhooks are called over a real socket; the standardwebhooks library checks their signatures."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tasks import SendOptions, broadcast, control, jobs, notify, notify_bulk, timetable
from tasks.database import writing
from tasks.extensions import db
from tasks.models import Broadcast, Webhook, WebhookCall
from tasks.models.types import db_clock, utcnow
from tasks.rights import Rights
from tasks.webhooks import addresses, calling
from tests import factories
from tests.peers.web import Reply
from tests.peers.webhook_receiver import WebhookReceiver


@pytest.fixture
def settings(tmp_path):
    return {"webhook_private": True}


@pytest.fixture
def receiver():
    with WebhookReceiver() as found:
        yield found


@pytest.fixture
def webhook(any_app, receiver):
    made, secret = addresses.create(f"{receiver.url}/hook", [], "test")
    db.session.commit()
    receiver.secrets.append(secret)
    return made


@pytest.fixture
def template(any_app):
    factories.rule()
    return factories.template()


def call_all():
    return calling.call_due(lambda: False)


def calls():
    db.session.expire_all()
    return list(db.session.scalars(select(WebhookCall).order_by(WebhookCall.id)))


def at_once():
    with writing() as connection:
        connection.execute(update(WebhookCall).values(next_attempt_at=db_clock(-1)))


def test_it_hears_what_became_of_a_message(receiver, webhook, template):
    sent = notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=5)
    assert call_all() == 1
    [event] = receiver.events
    assert event["type"] == "deliveries.updated"
    [delivery] = event["data"]["deliveries"]
    assert delivery == {
        "delivery_id": str(next(kept.id for kept in sent.deliveries if kept.channel == "email")),
        "notification_id": str(sent.id), "broadcast_id": None, "recipient_id": "42", "channel": "email", "status": "sent",
        "reason": "", "is_test": False,
    }
    assert receiver.ids == [calls()[0].event_id]
    assert (calls()[0].state, calls()[0].status) == ("sent", 204)
    assert call_all() == 0


def test_what_a_test_key_did_says_so(receiver, webhook, template):
    factories.people(1)
    options = SendOptions(rights=Rights("a test key", is_test=True))
    notify("0", "payment_success", amount=5, options=options)
    started = broadcast("all", "payment_success", amount=5, options=options)
    control.pause(started.pk, "maya@example.org")
    call_all()
    told = {event["type"]: event["data"] for event in receiver.events}
    assert {one["is_test"] for one in told["deliveries.updated"]["deliveries"]} == {True}
    assert told["broadcast.paused"]["is_test"] is True


def test_many_deliveries_of_one_hand_over_are_one_event(receiver, webhook, template):
    notify_bulk([{"id": str(n), "email": f"u{n}@example.test"} for n in range(40)], "payment_success", async_send=False, amount=5)
    call_all()
    found = [one["recipient_id"] for event in receiver.events for one in event["data"]["deliveries"]]
    assert sorted(found, key=int) == [str(n) for n in range(40)]
    assert len(receiver.events) < 10


def test_nobody_listens_and_nothing_is_written(any_app, template):
    notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=5)
    assert calls() == []


def test_it_hears_only_what_it_wants(any_app, receiver, template):
    addresses.create(f"{receiver.url}/", ["broadcast.completed"], "test")
    db.session.commit()
    notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=5)
    assert calls() == []


def test_a_failing_one_is_tried_again_later_with_the_same_event(receiver, webhook, template):
    receiver.reply = lambda call: Reply(500, {"error": "database"})
    notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=5)
    call_all()
    [call] = calls()
    assert (call.state, call.status, call.answer, call.attempt_count) == ("retrying", 500, '{"error": "database"}', 1)
    assert call_all() == 0  # not yet
    assert db.session.get(Webhook, webhook.id).failing_since is not None
    at_once()
    receiver.reply = lambda call: Reply(200)
    call_all()
    assert calls()[0].state == "sent"
    assert receiver.ids == [calls()[0].event_id] * 2
    assert db.session.get(Webhook, webhook.id, populate_existing=True).failing_since is None


def test_it_gives_up_after_the_last_delay(receiver, webhook, template):
    receiver.reply = lambda call: Reply(503)
    addresses.send_test(webhook.id)
    waits = []
    for _ in range(len(calling.DELAYS) + 1):
        call_all()
        waits.append(calls()[0].next_attempt_at - utcnow())
        at_once()
    assert [round(wait.total_seconds()) for wait in waits[:3]] == pytest.approx([5, 300, 1_800], abs=2)
    assert (calls()[0].state, calls()[0].attempt_count) == ("failed", 10)
    assert len(receiver.events) == 10


def test_one_that_fails_for_days_is_switched_off_with_a_note_and_can_be_switched_on(receiver, webhook, template):
    receiver.reply = lambda call: Reply(503)
    addresses.send_test(webhook.id)
    call_all()
    with writing() as connection:
        connection.execute(update(Webhook).values(failing_since=utcnow() - timedelta(days=4)))
    at_once()
    call_all()
    row = db.session.get(Webhook, webhook.id, populate_existing=True)
    assert not row.is_active
    assert "3 days" in row.off_reason
    at_once()
    assert call_all() == 0
    addresses.switch_on(row)
    db.session.commit()
    receiver.reply = lambda call: Reply(200)
    assert call_all() == 1
    assert calls()[0].state == "sent"


def test_gone_means_gone(receiver, webhook):
    receiver.reply = lambda call: Reply(410)
    addresses.send_test(webhook.id)
    call_all()
    assert calls()[0].state == "failed"
    assert "410" in db.session.get(Webhook, webhook.id, populate_existing=True).off_reason


def test_a_redirect_is_not_followed(receiver, webhook):
    receiver.reply = lambda call: Reply(302, b"", {"Location": "/elsewhere"})
    addresses.send_test(webhook.id)
    call_all()
    assert (calls()[0].state, calls()[0].status) == ("retrying", 302)
    assert [call.path for call in receiver.calls] == ["/hook"]


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_one_that_hangs_up_is_tried_again(receiver, webhook):
    receiver.reply = lambda call: Reply(drop=True)
    addresses.send_test(webhook.id)
    call_all()
    assert (calls()[0].state, calls()[0].status) == ("retrying", None)
    assert calls()[0].answer


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_nobody_listens_and_the_reason_is_short(any_app):
    made, _ = addresses.create("http://127.0.0.1:1/", [], "test")
    db.session.commit()
    addresses.send_test(made.id)
    call_all()
    assert "refused" in calls()[0].answer
    assert "object at" not in calls()[0].answer
    assert len(calls()[0].answer) < 120


def test_one_that_no_resolver_takes_holds_up_no_other(receiver, webhook):
    odd, _ = addresses.create(f"{receiver.url}/odd", [], "test")
    odd.url = "https://a..b/"  # as an earlier release may have kept it
    db.session.commit()
    for one in (odd, webhook):
        addresses.send_test(one.id)

    call_all()

    assert [call.state for call in calls()] == ["retrying", "sent"]
    assert "cannot be called" in calls()[0].answer


def test_who_died_while_calling_is_relieved(receiver, webhook):
    addresses.send_test(webhook.id)
    with writing() as connection:
        values = {"state": "sending", "lease_token": "gone", "lease_until": db_clock(-1), "attempt_count": 1}
        connection.execute(update(WebhookCall).values(**values))
    assert call_all() == 1
    assert calls()[0].state == "sent"


def test_replay_calls_again_with_the_same_id(receiver, webhook):
    addresses.send_test(webhook.id)
    call_all()
    addresses.replay(calls()[0].id, webhook.id)
    call_all()
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 2


def test_after_a_rotation_both_secrets_verify_for_a_day(receiver, webhook, monkeypatch):
    receiver.secrets.append(addresses.rotate(webhook))
    db.session.commit()
    addresses.send_test(webhook.id)
    call_all()
    assert len(receiver.events) == 1
    webhook.secrets = [webhook.secrets[0], {**webhook.secrets[1], "until": "2020-01-01T00:00:00+00:00"}]
    db.session.commit()
    addresses.send_test(webhook.id)
    call_all()
    assert receiver.refused == 1  # the receiver that still asks for the old one


def test_a_broadcasts_life_is_told(receiver, webhook, template):
    factories.people(3)
    started = broadcast("all", "payment_success", amount=5)
    control.pause(started.pk, "maya@example.org")
    control.resume(started.pk, "maya@example.org")
    jobs.expand_broadcast.call_local(started.pk)
    jobs.deliver_channel.call_local("email")
    jobs.tick()
    call_all()
    told = {event["type"]: event["data"] for event in receiver.events}
    assert set(told) == {"broadcast.paused", "broadcast.resumed", "deliveries.updated", "broadcast.completed"}
    assert (told["broadcast.paused"]["by"], told["broadcast.paused"]["is_test"]) == ("maya@example.org", False)
    assert told["broadcast.completed"]["channels"]["email"] == {"sent": 3}
    assert db.session.get(Broadcast, started.pk, populate_existing=True).state == "completed"


def test_a_tick_finds_what_is_due(receiver, webhook):
    addresses.send_test(webhook.id)
    assert calling.is_due()
    jobs.call_webhooks.call_local()
    assert len(receiver.events) == 1


def test_a_webhook_deleted_this_second_does_not_stop_the_work(any_app, webhook, template):
    notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=5)
    with writing() as connection:
        connection.execute(WebhookCall.__table__.delete())
        connection.execute(Webhook.__table__.delete())
    notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=6)
    assert calls() == []


def test_a_missed_and_a_failed_broadcast_are_told(receiver, webhook, template):
    missed = broadcast("all", "payment_success", amount=5, options=SendOptions(send_at=utcnow() + timedelta(hours=1)))
    failed = broadcast("all", "payment_success", amount=5)
    with writing() as connection:
        connection.execute(update(Broadcast).where(Broadcast.pk == missed.pk).values(send_at=utcnow() - timedelta(hours=2)))
        connection.execute(update(Broadcast).where(Broadcast.pk == failed.pk).values(audience="a segment that is gone"))
    timetable.turn()
    jobs.expand_broadcast.call_local(failed.pk)
    call_all()
    told = {event["type"]: event["data"] for event in receiver.events}
    assert told["broadcast.missed"]["broadcast_id"] == str(missed.id)
    assert told["broadcast.failed"]["broadcast_id"] == str(failed.id)
    assert told["broadcast.failed"]["reason"]
