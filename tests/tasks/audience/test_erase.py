"""Erasing: no trace of the person, and every total as it was."""

import json

import pytest
from sqlalchemy import text

from tasks.audience.erase import erase
from tasks.audience.recipients import find, save
from tasks.errors import UnknownRecipient
from tasks.extensions import db
from tasks.models import (
    AuditEntry,
    Broadcast,
    BroadcastCount,
    IdempotencyKey,
    Import,
    ImportFault,
    Notification,
    Operator,
    Segment,
    SendPlan,
    Webhook,
    WebhookCall,
)
from tasks.send import notify
from tasks.status import broadcast_counts
from tests import factories

SECRETS = ("asha-id", "Asha Planted", "asha@planted.test", "+9779841234567", "planted-token", "planted-city", "planted-order")


def dump():
    """Every text in every table."""
    found = []
    with db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            found += [str(row) for row in connection.execute(text(f"SELECT * FROM {table.name}"))]
    return "\n".join(found)


@pytest.fixture
def asha(any_app):
    factories.template(title="Hi {{ recipient.name }}", message="{{ recipient.attributes.city }} {{ order }}")
    factories.rule(channels=["email", "sms", "push"])
    person = {"id": "asha-id", "name": "Asha Planted", "email": "asha@planted.test", "phone": "+9779841234567"}
    person |= {"tokens": ["planted-token"], "attributes": {"city": "planted-city"}}
    notify(person, "payment_success", order="planted-order")
    notify("asha-id", "payment_success", async_send=True, order="planted-order")
    return find("asha-id")


def test_nothing_says_who_it_was_and_the_rows_still_add_up(asha):
    assert all(word in dump() for word in SECRETS if word != "+9779841234567")
    count = len(factories.deliveries())
    db.session.rollback()
    erase(asha.id)
    left = dump()
    assert [word for word in SECRETS if word in left] == []
    assert len(factories.deliveries()) == count
    assert {row.state for row in factories.deliveries()} == {"sent", "cancelled"}
    assert len(factories.notifications()) == 2


def test_the_id_is_free_for_somebody_new(asha):
    pk = asha.id
    db.session.rollback()
    erase(pk)
    assert find("asha-id") is None
    assert save({"id": "asha-id"}).id != pk


def test_an_erased_person_cannot_be_erased_again(asha):
    pk = asha.id
    db.session.rollback()
    erase(pk)
    with pytest.raises(UnknownRecipient):
        erase(pk)


def test_it_is_gone_from_every_table_and_the_totals_stay(asha, any_app):
    """Planted wherever the product keeps words: answers for repeats, webhooks, the audit, audiences, plans, faults of imports."""
    pk, version = asha.id, db.session.query(Notification).first().template_version_id
    words = {"recipient_id": "asha-id", "detail": "asha@planted.test is refused: +9779841234567"}
    sent = Broadcast(
        template_version_id=version, audience={"ids": ["asha-id", "somebody"]}, audience_definition={"ids": ["asha-id"]},
        data={"amount": "asha", "to": "Asha Planted"}, state="completed", audience_count=2, expanded_count=2,
    )
    hook = Webhook(url="https://example.test/")
    segment = Segment(slug="s", name="s", definition={"rules": [{"field": "id", "operator": "in", "value": ["asha-id", "x"]}]})
    upload = Import(file_name="f.csv", size=1, encoding="utf-8", delimiter=",", columns=[])
    db.session.add_all([
        sent, hook, segment, upload,
        IdempotencyKey(scope="a", key="1", body_hash="h", answer=[words], body=json.dumps([words])),
        IdempotencyKey(scope="a", key="2", body_hash="h", body='{"detail":"asha-id ist unbekannt \\u2013 asha@planted.test"}'),
        AuditEntry(actor="asha@planted.test", action="create", object_type="recipient", object_id=str(pk),
                   changes={"external_id": [None, "asha-id"], "email": [None, "asha@planted.test"]}),
        SendPlan(hash="h", terms={"audience": {"ids": ["asha-id"]}}, audience_digest="", audience_count=1),
        Operator(email="asha@planted.test", password_hash="x"),
    ])
    db.session.flush()
    db.session.add_all([
        WebhookCall(webhook_id=hook.id, event="deliveries.updated", event_id="e", payload={"data": {"deliveries": [words]}}),
        ImportFault(import_id=upload.id, line=2, column="email", detail="'asha@planted.test' is taken", remedy=""),
        BroadcastCount(broadcast_id=sent.pk, slot=1, channel="email", state="sent", count=2),
    ])
    db.session.commit()
    number, count = sent.pk, len(factories.deliveries())
    before = broadcast_counts(number)
    db.session.rollback()

    erase(pk)

    kept = dump().replace("actor='asha@planted.test'", "")
    everything = [line for line in kept.splitlines() if "operators" not in line]
    found = [(word, line) for word in SECRETS for line in everything if word in line and "password_hash" not in line]
    allowed = [line for _, line in found if "'create', 'recipient'" in line or "'viewer'" in line]  # an operator's own address
    assert [line for _, line in found if line not in allowed] == []
    (audited,) = [line for line in everything if "'create', 'recipient'" in line]
    assert audited.count("asha") == 1, "only who did it is left"
    gone = f"deleted:{pk}"
    row = db.session.get(Broadcast, number)
    assert (row.audience, row.data["amount"]) == ({"ids": [gone, "somebody"]}, "asha")
    assert db.session.query(Segment).one().definition["rules"][0]["value"] == [gone, "x"]
    assert (broadcast_counts(number), len(factories.deliveries())) == (before, count)


def test_a_short_id_is_not_taken_for_an_amount(any_app):
    one, other = factories.person("42"), factories.person("7")
    row = IdempotencyKey(scope="a", key="1", body_hash="h", answer={"recipient_id": "42", "amount": "42", "ids": ["42", "7"]})
    db.session.add(row)
    db.session.commit()
    pk, kept = one.id, row.id
    db.session.rollback()

    erase(pk)

    answer = db.session.get(IdempotencyKey, kept).answer
    assert answer == {"recipient_id": f"deleted:{pk}", "amount": "42", "ids": [f"deleted:{pk}", "7"]}
    assert find("7").id == other.id
