"""Claiming: a last look at the person before the provider is spoken to."""

import pytest

from tasks import jobs
from tasks.audience.erase import erase
from tasks.audience.recipients import find
from tasks.extensions import db
from tasks.models import Device, OptOut
from tasks.send import notify
from tests import factories


def switch_off(person):
    person.is_active = False


def opt_out(person):
    db.session.add(OptOut(recipient_id=person.id, notification_type="payment_success", channel="email"))


def lose_address(person):
    person.email = ""


@pytest.mark.parametrize(
    ("change", "reason"), [(switch_off, "recipient_inactive"), (opt_out, "opted_out"), (lose_address, "no_email")]
)
def test_what_changed_since_it_was_queued_counts(any_app, change, reason):
    factories.template()
    factories.rule()
    notify({"id": "42", "email": "a@example.test"}, "payment_success", async_send=True, amount=1)
    change(find("42"))
    db.session.commit()
    jobs._round("email")
    (row,) = factories.deliveries("email")
    assert (row.state, row.reason, row.attempt_count, row.attempts) == ("skipped", reason, 0, [])


def test_a_mandatory_type_reaches_even_those_who_opted_out(app):
    factories.template()
    factories.rule(mandatory=True)
    notify({"id": "42", "email": "a@example.test"}, "payment_success", async_send=True, amount=1)
    opt_out(find("42"))
    db.session.commit()
    jobs._round("email")
    assert factories.deliveries("email")[0].state == "sent"


def test_an_erased_persons_message_is_not_sent(app):
    factories.template()
    factories.rule()
    notify({"id": "42", "email": "a@example.test"}, "payment_success", async_send=True, amount=1)
    pk = find("42").id
    db.session.rollback()
    erase(pk)
    jobs._round("email")
    assert [(row.state, row.reason) for row in factories.deliveries("email")] == [("cancelled", "recipient_deleted")]


def test_only_active_devices_are_rung(app):
    factories.template()
    factories.rule(channels=["push"])
    person = factories.person("42", tokens=["one", "two"])
    notify("42", "payment_success", async_send=True, amount=1)
    db.session.get(Device, person.devices[0].id).is_active = False
    db.session.commit()
    jobs._round("push")
    (row,) = factories.deliveries("push")
    assert [entry.target for entry in row.attempts] == ["tw…"]


def test_an_email_part_that_fails_when_its_turn_comes_says_so(app):
    factories.template(email_text="{{ recipient.attributes.nick.x }}")
    factories.rule()
    factories.person("42", email="a@example.test", attributes={"nick": {"x": "y"}})
    notify("42", "payment_success", async_send=True, amount=1)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE notifications SET recipient_fields = '{}'")
    jobs._round("email")
    (row,) = factories.deliveries("email")
    assert (row.state, row.reason) == ("failed", "render_failed")
    assert "recipient.attributes" in row.detail
