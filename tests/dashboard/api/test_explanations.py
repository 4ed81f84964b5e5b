"""Tried calls and explanations: one reason for each channel, in words, and nothing stored or sent by a try."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, func, select, text

from dashboard import keys
from tasks import control, jobs
from tasks.extensions import db
from tasks.models import Breaker, Broadcast, Delivery, Device, Notification, OptOut, Recipient
from tasks.models.types import db_clock
from tests import factories
from tests.dashboard.api.conftest import MAYA, PAYMENT, seed

CHANNELS = ["in_app", "push", "sms", "email"]
TRY = {"dry_run": True}


def rows() -> dict[str, int]:
    """How many rows every table has, but for what counts requests and uses."""
    db.session.rollback()
    tables: list[Table] = [table for table in db.metadata.sorted_tables if table.name not in {"rate_limits", "processes"}]
    return {table.name: db.session.scalar(select(func.count()).select_from(table)) for table in tables}


def reasons(found: dict[str, Any]) -> dict[str, str]:
    assert [one["channel"] for one in found["channels"]] == CHANNELS
    assert all(one["reason"] and one["explanation"].endswith(".") for one in found["channels"])
    return {one["channel"]: one["reason"] for one in found["channels"]}


def test_a_tried_message_shows_every_channel_and_leaves_nothing(any_service: FlaskClient) -> None:
    person = {**MAYA, "phone": "", "tokens": []}
    before = rows()

    answer = any_service.post("/notify/", json={**PAYMENT, "recipient": person, **TRY}, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 200
    assert (answer.json["dry_run"], answer.json["recipient_id"], answer.json["is_test"]) == (True, "42", False)
    assert reasons(answer.json) == {"in_app": "inbox", "push": "no_device", "sms": "no_phone", "email": "simulated"}
    texts = {one["channel"]: (one["title"], one["message"]) for one in answer.json["channels"]}
    assert texts["in_app"] == ("Payment Successful - ₹1000", "You paid 1000 by eSewa.")
    assert texts["push"] == ("", "")
    assert "1000" in " ".join(texts["email"])
    assert rows() == before
    real = any_service.post("/notify/", json={**PAYMENT, "recipient": person}, headers={"Idempotency-Key": "k"})
    assert real.status_code == 202, "a try does not use up the key"


def test_a_try_of_one_channel_names_the_others(service: FlaskClient) -> None:
    found = service.post("/notify/", json={**PAYMENT, "recipient": {**MAYA, "channel": "sms"}, **TRY}).json

    assert reasons(found) == {"in_app": "inbox", "push": "other_channel", "sms": "simulated", "email": "other_channel"}


@pytest.mark.parametrize(("over", "status", "code"), [
    ({"template_name": "nothing"}, 404, "unknown_template"), ({"data": {}}, 422, "missing_variable"),
    ({"recipient": {"id": "1", "email": "no"}}, 422, "invalid_recipient"), ({"dry_run": "yes"}, 422, "invalid_value"),
])
def test_a_try_refuses_what_a_call_would(service: FlaskClient, over: dict[str, Any], status: int, code: str) -> None:
    answer = service.post("/notify/", json={**PAYMENT, "recipient": MAYA, **TRY, **over})

    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_a_tried_bulk_answers_for_each(any_service: FlaskClient) -> None:
    before = rows()
    people = [MAYA, {"id": "43", "email": "no"}, {"id": "44", "surname": "x"}, {"id": "45"}]

    found = any_service.post("/notify/bulk/", json={**PAYMENT, "recipients": people, **TRY}).json

    assert (found["total"], found["success_count"], found["failure_count"]) == (4, 2, 2)
    assert [one.get("error", {}).get("field") for one in found["results"]] == [
        None, "/recipients/1/email", "/recipients/2/surname", None
    ]
    assert reasons(found["results"][3])["email"] == "no_email"
    assert rows() == before


def test_a_tried_broadcast_tells_its_reach(any_service: FlaskClient) -> None:
    factories.people(5)
    factories.person("silent", email="s@example.test", phone="+9779841234567", is_active=False)
    person = factories.person("no", email="n@example.test", phone="+9779841234567")
    db.session.add(OptOut(recipient_id=person.id, notification_type="payment_success", channel="email"))
    db.session.commit()
    before = rows()
    body = {**PAYMENT, "audience": "all", "send_at": "2027-01-31T09:00:00+05:45", **TRY}

    answer = any_service.post("/notify/broadcast/", json=body)

    assert answer.status_code == 200, answer.text
    found = answer.json
    assert (found["audience_count"], found["status"], found["audience_label"]) == (6, "scheduled", "Everybody")
    assert found["send_at"] == "2027-01-31T03:15:00+00:00"
    assert found["reach"] == {
        "in_app": {"sent": 6}, "push": {"no_device": 6}, "sms": {"queued": 1, "no_phone": 5},
        "email": {"queued": 5, "opted_out": 1},
    }
    assert [one["recipient_id"] for one in found["sample"]] == ["0", "1", "2"]
    assert reasons(found["sample"][0])["email"] == "simulated"
    assert rows() == {**before, "send_plans": 1, "send_plan_pages": 1}  # nothing but what a send can be held to
    assert any_service.post("/notify/broadcast/", json={**body, "audience": {"source": "http"}}).json["audience_count"] is None


def test_what_would_happen_now_needs_no_variables(any_service: FlaskClient) -> None:
    before = rows()

    person = {"id": "9", "phone": "+9779841234567"}
    found = any_service.post("/explain/", json={"template_name": "payment_success", "recipient": person})

    assert reasons(found.json) == {"in_app": "inbox", "push": "no_device", "sms": "simulated", "email": "no_email"}
    assert rows() == before
    unruled = any_service.post("/explain/", json={"template_name": "maintenance_notice", "recipient": {"id": "9"}}).json
    assert set(reasons(unruled).values()) == {"inbox", "no_rule"}


def test_a_message_is_explained_channel_by_channel(any_service: FlaskClient) -> None:
    body = {**PAYMENT, "recipient": {"id": "42", "email": "fails-once@example.org", "tokens": ["dead-1"]}, "async": False}
    made = any_service.post("/notify/", json=body).json["notification_id"]

    found = any_service.get(f"/notify/{made}/explain/").json

    lines = {one["channel"]: one for one in found["channels"]}
    assert reasons(found)["in_app"] == "inbox"
    assert (lines["sms"]["status"], lines["sms"]["reason"]) == ("skipped", "no_phone")
    assert (lines["email"]["status"], lines["email"]["reason"]) == ("retrying", "retry")
    assert lines["email"]["next_at"]
    assert "Attempt 1 failed" in lines["email"]["explanation"]
    assert len(lines["email"]["attempts"]) == 1
    assert lines["push"]["status"] == "failed"
    forced = any_service.post("/notify/", json={**PAYMENT, "recipient": {**MAYA, "channel": "sms"}}).json["notification_id"]
    again = any_service.get(f"/notify/{forced}/explain/").json
    assert reasons(again) == {"in_app": "inbox", "push": "other_channel", "sms": "no_worker", "email": "other_channel"}
    assert any_service.get("/notify/00000000-0000-0000-0000-000000000000/explain/").status_code == 404


STATES = [
    ({"state": "sending"}, "in_hand"), ({"state": "sending", "handed_at": db_clock()}, "handed_over"),
    ({"state": "sent", "provider": "smtp", "closed_at": db_clock()}, "accepted"), ({"state": "delivered"}, "arrived"),
    ({"state": "bounced"}, "bounced"), ({"state": "unknown", "reason": "in_doubt"}, "in_doubt"),
    ({"state": "expired", "reason": "expired"}, "expired"), ({"state": "failed", "reason": "550"}, "550"),
    ({"next_attempt_at": db_clock(600)}, "not_due"), ({"next_attempt_at": db_clock(600), "unless": "read"}, "if_unread"),
]


@pytest.mark.parametrize(("values", "reason"), STATES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_state_has_its_reason(service: FlaskClient, values: dict[str, Any], reason: str) -> None:
    made = service.post("/notify/", json={**PAYMENT, "recipient": {**MAYA, "channel": "email"}}).json["notification_id"]
    with db.engine.begin() as connection:
        connection.execute(Delivery.__table__.update().where(Delivery.channel == "email").values(**values))

    assert reasons(service.get(f"/notify/{made}/explain/").json)["email"] == reason


def test_what_holds_up_everybody_is_said_first(service: FlaskClient, app: Flask) -> None:
    made = service.post("/notify/", json={**PAYMENT, "recipient": {**MAYA, "channel": "email"}}).json["notification_id"]
    path = f"/notify/{made}/explain/"
    db.session.add(Breaker(provider="simulator", opened_at=db_clock(), next_probe_at=db_clock(9), last_error="It is away."))
    db.session.commit()
    assert reasons(service.get(path).json)["email"] == "provider_down"
    row = Broadcast(template_version_id=1, audience="all", state="sending", channels=["email"])
    db.session.add(row)
    db.session.flush()
    db.session.execute(text("update notifications set broadcast_id = :pk"), {"pk": row.pk})
    db.session.commit()
    control.pause(row.pk, "ann")
    assert reasons(service.get(path).json)["email"] == "paused"


def test_a_test_keys_message_stays_inside(any_app: Flask) -> None:
    seed()
    _, plaintext = keys.create_key("t", ["send", "read", "inbox", "broadcast"], "ann", limits=keys.Limits(test=True))
    client = any_app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {plaintext}"

    made = client.post("/notify/", json={**PAYMENT, "recipient": {**MAYA, "tokens": ["dead-1"]}, "async": False}).json

    found = client.get(f"/notify/{made['notification_id']}/").json
    assert found["is_test"] is True
    assert {one["provider"] for one in found["deliveries"]} == {"simulator"}
    assert client.get("/inbox/42/").json["items"] == []
    explained = client.get(f"/notify/{made['notification_id']}/explain/").json
    assert reasons(explained) == {"in_app": "test", "push": "simulated_dead", "sms": "simulated", "email": "simulated"}
    assert db.session.scalar(select(Device.is_active)), "the simulator switches no real device off"
    tried = client.post("/notify/", json={**PAYMENT, "recipient": MAYA, **TRY}).json
    assert (tried["is_test"], reasons(tried)["in_app"]) == (True, "test")
    assert db.session.scalar(select(func.count()).select_from(Notification).where(Notification.is_test)) == 1
    assert db.session.scalar(select(func.count()).select_from(Recipient)) == 1


@pytest.mark.parametrize("template", ["payment_success", "maintenance_notice"])
def test_a_test_keys_broadcast_stays_inside(any_app: Flask, template: str) -> None:
    seed()
    factories.people(3, phone="")
    _, plaintext = keys.create_key("t", ["broadcast", "read", "inbox"], "ann", limits=keys.Limits(test=True))
    client = any_app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {plaintext}"
    data = {"amount": 1, "gateway": "x", "date": "Sunday"}

    made = client.post("/notify/broadcast/", json={"template_name": template, "data": data, "audience": "all"}).json
    row = db.session.scalars(select(Broadcast)).one()
    jobs.expand_broadcast.call_local(row.pk)
    jobs.deliver_channel.call_local("email")

    assert client.get(f"/broadcasts/{made['broadcast_id']}/").json["is_test"] is True
    assert {one.is_test for one in factories.notifications()} == {True}
    rang = {one.provider for one in factories.deliveries("email")}
    assert rang == ({"simulator"} if template == "payment_success" else set())
    assert client.get("/inbox/1/").json["items"] == []
