"""A delivery's exact texts, long after: whatever became of the template and the person."""

import pytest

from tasks import jobs, templates
from tasks.as_sent import as_sent, html_of
from tasks.audience.erase import erase
from tasks.channels.simulator import SimulatorChannel
from tasks.extensions import db
from tasks.send import broadcast, notify
from tests import factories

PARTS = {
    "title": "Hi {{ recipient.name }}", "message": "{{ recipient.attributes.city }}: {{ order }}",
    "sms_text": "SMS {{ order }} ₹", "email_subject": "Mail {{ recipient.name }}",
    "email_html": "<p>{{ order }} &amp; {{ recipient.name }}</p>",
    "email_text": "Text {{ order }}",
}
ASHA = {
    "id": "asha", "name": "Asha <b>", "email": "asha@example.test", "phone": "+9779841234567", "tokens": ["a-token"],
    "attributes": {"city": "Pokhara"},
}


@pytest.fixture
def handed(monkeypatch):
    """Every message that a provider was given."""
    found, real = [], SimulatorChannel.send

    def send(self, messages):
        found.extend(messages)
        return real(self, messages)

    monkeypatch.setattr(SimulatorChannel, "send", send)
    return found


def told(message):
    return message.channel, message.title if message.channel != "sms" else "", message.text, message.html


def again(row):
    sent = as_sent(row.notification, row.channel).rendered
    match row.channel:
        case "email":
            return row.channel, sent.email_subject, sent.email_text, sent.email_html
        case "sms":
            return row.channel, "", sent.sms_text, ""
    return row.channel, sent.title, sent.message, ""


def changed_since(any_app):
    """The template is edited and the person too."""
    found = db.session.query(factories.Template).one()
    for number in range(3):
        templates.save_version(found, **dict.fromkeys(PARTS, f"edited {number}"), actor="test")
    person = db.session.query(factories.Recipient).one()
    person.name, person.attributes, person.email = "Somebody else", {}, "new@example.test"
    db.session.commit()


def test_the_bytes_are_those_that_the_providers_got(any_app, handed):
    factories.template(**PARTS)
    factories.rule(channels=["email", "sms", "push"])
    notify(ASHA, "payment_success", order="№ 7 \"quoted\"")
    changed_since(any_app)

    rows = [row for row in factories.deliveries() if row.channel != "in_app"]

    assert len(handed) == 3
    assert sorted(again(row) for row in rows) == sorted(told(one) for one in handed)
    assert any("Asha &lt;b&gt;" in html_of(row) for row in rows)
    (inbox,) = factories.deliveries("in_app")
    assert as_sent(inbox.notification, "in_app").rendered.title == "Hi Asha <b>"


def test_so_it_is_with_a_broadcasts(any_app, handed):
    factories.template(**PARTS)
    factories.rule(channels=["email", "sms", "push"])
    notify(ASHA, "payment_success", order="first")
    handed.clear()
    made = broadcast("all", "payment_success", order="of the broadcast").pk
    db.session.rollback()
    jobs.expand_broadcast.call_local(made)
    for channel in ("email", "sms", "push"):
        jobs._round(channel)
    changed_since(any_app)

    rows = [row for row in factories.deliveries() if row.channel != "in_app" and row.broadcast_id == made]

    assert len(handed) == 3
    assert sorted(again(row) for row in rows) == sorted(told(one) for one in handed)


def test_an_erased_persons_words_are_gone(any_app):
    factories.template(**{**PARTS, "message": "{{ order }}"})
    factories.rule(channels=["sms"])
    notify(ASHA, "payment_success", order="planted")
    pk = db.session.query(factories.Recipient).one().id
    db.session.rollback()
    erase(pk)

    (row,) = factories.deliveries("sms")
    assert "planted" not in repr(as_sent(row.notification, "sms"))
