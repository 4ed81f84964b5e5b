"""Sending one again by HTTP, and people exported and erased by it."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tasks import queue
from tasks.extensions import db
from tasks.models import AuditEntry, Delivery, Notification, Recipient
from tests.dashboard.api.conftest import MAYA, PAYMENT, client_with


def sent(service: FlaskClient, **person: Any) -> str:
    body = {**PAYMENT, "recipient": {**MAYA, **person}, "async": False}
    answer = service.post("/notify/", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json["notification_id"])


def test_what_was_refused_goes_back_and_a_repeat_gets_the_same_answer(any_service: FlaskClient) -> None:
    message = sent(any_service, email="bounce@example.org")
    ask = {"json": {"channel": "email"}, "headers": {"Idempotency-Key": "again-1"}}

    first = any_service.post(f"/notify/{message}/resend/", **ask)
    repeat = any_service.post(f"/notify/{message}/resend/", **ask)
    other = any_service.post(f"/notify/{message}/resend/", json={"channel": "email"})

    assert (first.status_code, first.json) == (202, {"notification_id": message, "channel": "email", "reopened": True})
    assert (repeat.data, repeat.headers["Idempotent-Replayed"]) == (first.data, "true")
    assert (other.status_code, other.json["code"]) == (409, "wrong_state")
    assert db.session.query(AuditEntry).filter_by(action="resend").count() == 1
    queue.huey.storage.flush_queue()


def test_what_was_sent_becomes_a_new_message_once(any_service: FlaskClient) -> None:
    message = sent(any_service)
    ask = {"json": {"channel": "sms"}, "headers": {"Idempotency-Key": "again-2"}}

    first = any_service.post(f"/notify/{message}/resend/", **ask)
    repeat = any_service.post(f"/notify/{message}/resend/", **ask)

    assert first.json["reopened"] is False
    assert first.json["notification_id"] != message
    assert repeat.data == first.data
    made = db.session.query(Notification).filter(Notification.resent_from.is_not(None)).one()
    assert [one.channel for one in db.session.query(Delivery).filter_by(notification_id=made.pk).order_by(Delivery.pk)] == [
        "in_app", "sms",
    ]
    queue.huey.storage.flush_queue()


def test_what_cannot_be_sent_again_says_why(service: FlaskClient, app: Flask) -> None:
    message = sent(service)

    for body, status, field in (({"channel": "fax"}, 422, "/channel"), ({}, 422, "/channel"), ({"channel": 1}, 422, "/channel")):
        answer = service.post(f"/notify/{message}/resend/", json=body)
        assert (answer.status_code, answer.json["field"]) == (status, field)
    nobody = "00000000-0000-0000-0000-000000000000"
    assert service.post(f"/notify/{nobody}/resend/", json={"channel": "sms"}).status_code == 404
    assert client_with(app, "read").post(f"/notify/{message}/resend/", json={"channel": "sms"}).status_code == 403


def test_a_person_is_exported_and_erased(any_service: FlaskClient) -> None:
    message = sent(any_service)

    with any_service.get("/recipients/42/export/") as answer:
        found = answer.json
    assert (found["person"]["email"], found["messages"][0]["id"]) == ("maya@example.org", message)
    assert any_service.delete("/recipients/42/").status_code == 204
    assert any_service.delete("/recipients/42/").status_code == any_service.get("/recipients/42/export/").status_code == 404
    assert db.session.query(Recipient).one().email == ""
    assert {entry.action for entry in db.session.query(AuditEntry).filter_by(object_type="recipient")} == {"export", "erase"}
