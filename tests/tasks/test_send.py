"""The one door, as a Python caller uses it: spec sections 1 and 3."""

import logging
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tasks.errors import (
    IdempotencyConflict,
    InactiveTemplate,
    InvalidData,
    InvalidRecipient,
    MissingVariable,
    UnknownChannel,
    UnknownRecipient,
    UnknownTemplate,
)
from tasks.extensions import db
from tasks.models import Attempt, Delivery, Device, Notification, Recipient
from tasks.options import SendOptions
from tasks.send import broadcast, notify, notify_bulk
from tests import factories
from tests.tasks.counting import statements


def nothing_written() -> bool:
    return all(db.session.scalar(select(func.count()).select_from(table)) == 0 for table in (Notification, Delivery, Attempt))


def test_a_sync_send_returns_the_notification_and_it_can_be_queried_at_once(any_app):
    factories.template(title="Payment Successful - ₹{{ amount }}", message="Paid with {{ gateway }}.")
    person = factories.person("42", email="a@example.test")
    sent = notify("42", "payment_success", amount=1000, gateway="Khalti")
    assert isinstance(sent.id, UUID)
    assert sent.title == "Payment Successful - ₹1000"
    assert sent.message == "Paid with Khalti."
    assert sent.user.id == person.id
    assert sent.template.slug == "payment_success"
    assert sent.notification_type == "payment_success"
    assert sent.data == {"amount": 1000, "gateway": "Khalti"}
    assert sent.is_read is False
    assert sent.created_at.tzinfo is not None
    assert db.session.scalars(select(Notification)).one().id == sent.id


def test_without_a_rule_it_is_in_app_only_and_no_error(app):
    factories.template()
    factories.person("42", email="a@example.test", phone="+9779841234567")
    sent = notify("42", "payment_success", amount=1)
    assert [(row.channel, row.state) for row in sent.deliveries] == [("in_app", "sent")]


def test_the_rule_decides_the_channels_and_each_says_what_became_of_it(app):
    factories.template()
    factories.rule(channels=["push", "sms", "email"])
    factories.person("42", email="a@example.test", tokens=["t1"])
    sent = notify("42", "payment_success", amount=1)
    found = {row.channel: (row.state, row.reason) for row in sent.deliveries}
    assert found == {"in_app": ("sent", ""), "push": ("sent", ""), "sms": ("skipped", "no_phone"), "email": ("sent", "")}
    assert {row.provider for row in sent.deliveries if row.state == "sent"} == {"socketio", "simulator"}


def test_a_forced_channel_takes_the_place_of_the_rule_and_in_app_is_written_as_always(app):
    factories.template()
    factories.rule(channels=["email"])
    sent = notify(
        {"id": "42", "email": "a@example.test", "phone": "9841234567"},
        "payment_success",
        options=SendOptions(channels=("sms",)),
        amount=1,
    )
    assert [(row.channel, row.state) for row in sent.deliveries] == [("in_app", "sent"), ("sms", "sent")]
    assert sent.channel == "sms"


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ({"id": "42", "email": "a@example.test", "name": "Asha"}, "Asha"),
        ({"id": 42, "name": "Asha"}, "Asha"),
        (SimpleNamespace(id=42, name="Asha", email="a@example.test", phone=None), "Asha"),
    ],
)
def test_mappings_and_objects_create_the_person(app, user, found):
    factories.template()
    sent = notify(user, "payment_success", amount=1)
    assert sent.user.external_id == "42"
    assert sent.user.name == found


def test_a_recipient_row_is_taken_as_it_is(app):
    factories.template()
    person = factories.person("42")
    assert notify(person, "payment_success", amount=1).user.id == person.id


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("user", "slug", "context", "error", "word"),
    [
        ("42", "nope", {"amount": 1}, UnknownTemplate, "nope"),
        ("42", "payment_succes", {"amount": 1}, UnknownTemplate, "payment_success"),
        ("42", "payment_success", {}, MissingVariable, "amount"),
        ("43", "payment_success", {"amount": 1}, UnknownRecipient, "43"),
        ({"id": "44", "email": "not an address"}, "payment_success", {"amount": 1}, InvalidRecipient, "email"),
        ({"id": "44", "phone": "12"}, "payment_success", {"amount": 1}, InvalidRecipient, "phone"),
        ({"email": "a@example.test"}, "payment_success", {"amount": 1}, InvalidRecipient, "id"),
        ("42", "payment_success", {"amount": object()}, InvalidData, "data"),
        ("42", "payment_success", {"amount": "x" * 70_000}, InvalidData, "data"),
    ],
)
def test_layer_one_bad_input_is_a_named_error_before_anything_is_written(
    app, caplog, user, slug, context, error, word, asynchronous
):
    factories.template()
    factories.rule()
    factories.person("42")
    with caplog.at_level(logging.WARNING), pytest.raises(error) as raised:
        notify(user, slug, async_send=asynchronous, **context)
    assert word in str(raised.value) + raised.value.field
    assert raised.value.remedy
    assert "notify failed" in caplog.text
    assert nothing_written()
    assert db.session.scalar(select(func.count()).select_from(Recipient)) == 1


def test_an_inactive_template_is_named(app):
    factories.template().is_active = False
    db.session.commit()
    factories.person("42")
    with pytest.raises(InactiveTemplate, match="payment_success"):
        notify("42", "payment_success", amount=1)


def test_an_unknown_channel_is_named():
    with pytest.raises(UnknownChannel, match="pigeon"):
        SendOptions(channels=("pigeon",))


def test_layer_two_a_database_error_rolls_everything_back(app, monkeypatch):
    factories.template()
    factories.rule()
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_email BEFORE INSERT ON deliveries WHEN NEW.channel = 'email'"
            " BEGIN SELECT RAISE(ABORT, 'disk says no'); END"
        )
    with pytest.raises(Exception, match="disk says no"):
        notify({"id": "42", "email": "a@example.test"}, "payment_success", amount=1)
    assert nothing_written()
    assert db.session.scalar(select(func.count()).select_from(Recipient)) == 0


def test_layer_three_one_channel_failing_stops_no_other(app):
    factories.template()
    factories.rule(channels=["push", "sms", "email"])
    person = {"id": "42", "email": "bounce@example.test", "phone": "+9779841000003", "tokens": ["ok-token"]}
    sent = notify(person, "payment_success", amount=1)
    assert {row.channel: row.state for row in sent.deliveries} == {
        "in_app": "sent",
        "push": "sent",
        "sms": "failed",
        "email": "failed",
    }


def test_layer_four_what_cannot_work_degrades_with_a_reason(app):
    factories.template()
    factories.rule(channels=["push", "sms", "email"])
    sent = notify({"id": "42"}, "payment_success", amount=1)
    assert {row.channel: row.reason for row in sent.deliveries if row.state == "skipped"} == {
        "push": "no_device",
        "sms": "no_phone",
        "email": "no_email",
    }


def test_layer_five_a_failed_delivery_waits_for_its_retry(app):
    factories.template()
    factories.rule(channels=["email"])
    sent = notify({"id": "42", "email": "fails-once@example.test"}, "payment_success", amount=1)
    (email,) = factories.deliveries("email")
    assert (email.state, email.attempt_count) == ("retrying", 1)
    assert 55 < (email.next_attempt_at - sent.created_at).total_seconds() < 65
    assert [entry.outcome for entry in email.attempts] == ["temporary"]


def test_a_dead_token_is_switched_off(app):
    factories.template()
    factories.rule(channels=["push"])
    sent = notify({"id": "42", "tokens": ["dead-1", "good"]}, "payment_success", amount=1)
    assert {row.channel: row.state for row in sent.deliveries}["push"] == "sent"
    active = dict(db.session.execute(select(Device.token, Device.is_active)).all())
    assert active == {"dead-1": False, "good": True}


def test_an_async_send_is_on_record_when_the_handle_comes_back(any_app):
    factories.template()
    factories.rule(channels=["email"])
    handle = notify({"id": "42", "email": "a@example.test"}, "payment_success", async_send=True, amount=1)
    assert handle.status == "queued"
    assert [row.id for row in factories.notifications()] == [handle.id]
    assert handle.result(timeout=0) == {
        "status": "queued",
        "notification_id": str(handle.id),
        "user_id": "42",
        "template_slug": "payment_success",
    }


def test_a_bulk_takes_everybody_and_one_bad_user_stops_nobody(any_app):
    factories.template()
    factories.people(3)
    row = db.session.scalars(select(Recipient).where(Recipient.external_id == "2")).one()
    users = ["0", 1, row, {"id": "7", "email": "x@example.test"}, SimpleNamespace(id=8), "nobody", {"id": "9", "email": "bad"}]
    result = notify_bulk(users, "payment_success", amount=1).result(timeout=1)
    assert (result["status"], result["success_count"], result["failure_count"], result["total"]) == ("completed", 5, 2, 7)
    assert result["failures_by_reason"] == {"unknown_recipient": 1, "invalid_recipient": 1}
    assert [entry["user_id"] for entry in result["failures"]] == ["nobody", "9"]
    assert len(factories.notifications()) == 5


def test_a_person_twice_in_a_bulk_gets_two_messages(app):
    factories.template(message="{{ n }}")
    factories.person("1")
    notify_bulk([{"id": "1", "data": {"n": 1}}, {"id": "1", "data": {"n": 2}}], "payment_success", amount=1)
    assert [row.message for row in factories.notifications()] == ["1", "2"]


def test_the_same_key_makes_one_notification_and_gives_the_same_answer(any_app):
    factories.template()
    factories.person("42")
    options = SendOptions(idempotency_key="order-1", body_hash="a")
    first, second = (notify("42", "payment_success", options=options, amount=1) for _ in range(2))
    assert first.id == second.id
    assert len(factories.notifications()) == 1
    with pytest.raises(IdempotencyConflict):
        notify("42", "payment_success", options=SendOptions(idempotency_key="order-1", body_hash="b"), amount=2)


def test_a_failed_call_leaves_its_key_free(app):
    factories.template()
    options = SendOptions(idempotency_key="order-1")
    with pytest.raises(UnknownRecipient):
        notify("42", "payment_success", options=options, amount=1)
    factories.person("42")
    notify("42", "payment_success", options=options, amount=1)
    assert len(factories.notifications()) == 1


def test_a_single_sync_send_takes_at_most_six_statements(any_app):
    factories.template()
    factories.rule(channels=["push", "sms", "email"])
    factories.person("42", email="a@example.test", phone="+9779841234567", tokens=["t1"])
    notify("42", "payment_success", amount=1)  # the process registers itself, once
    with statements() as one_channel:
        notify("42", "payment_success", options=SendOptions(channels=("email",)), amount=1)
    with statements() as in_app_only:
        notify("42", "payment_success", options=SendOptions(channels=()), amount=1)
    assert len(one_channel) <= 6, one_channel
    assert len(in_app_only) <= 4, in_app_only


def test_a_bulk_takes_at_most_ten_statements_for_a_thousand(any_app):
    factories.template()
    factories.rule(channels=["email"])
    factories.people(1000)
    with statements() as seen:
        handle = notify_bulk([str(n) for n in range(1000)], "payment_success", amount=1)
    assert handle.total == 1000
    assert len(seen) <= 10, seen
    assert len(factories.deliveries("email")) == 1000


def test_a_broadcast_is_written_down_and_its_text_rendered_once(app):
    factories.template()
    made = broadcast("all", "payment_success", amount=5)
    assert made.state == "queued"
    assert made.title == "Payment of ₹5"
    assert made.is_broadcast is True


@pytest.mark.parametrize(
    ("audience", "context", "error"),
    [("all", {}, MissingVariable), ("no-such-segment", {"amount": 1}, Exception), ({"rules": 1}, {"amount": 1}, Exception)],
)
def test_a_bad_broadcast_is_refused_before_it_is_written(app, audience, context, error):
    factories.template()
    with pytest.raises(error):
        broadcast(audience, "payment_success", **context)
