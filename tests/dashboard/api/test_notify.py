"""POST /notify/ and what became of it: the contract's field names, every refusal by name, and nothing half accepted."""

import gzip
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tasks.extensions import db
from tasks.models import Delivery, IdempotencyKey, Notification, Recipient
from tests.dashboard.api.conftest import MAYA, client_with

Body = Callable[..., dict[str, Any]]


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_message_is_on_record_before_the_answer(any_service: FlaskClient, payment: Body) -> None:
    answer = any_service.post("/notify/", json=payment())

    assert answer.status_code == 202
    assert list(answer.json) == ["notification_id", "status", "deliveries"]
    assert answer.json["status"] == "queued"
    states = {one["channel"]: one["status"] for one in answer.json["deliveries"]}
    assert states == {"in_app": "sent", "push": "queued", "sms": "queued", "email": "queued"}
    assert all(uuid.UUID(one["id"]) for one in answer.json["deliveries"])
    (row,) = db.session.scalars(select(Notification))
    assert (str(row.id), row.title) == (answer.json["notification_id"], "Payment Successful - ₹1000")
    assert (row.user.external_id, row.user.email, row.user.phone) == ("42", "maya@example.org", "+9779841234567")


def test_now_means_that_all_was_tried(any_service: FlaskClient, payment: Body) -> None:
    answer = any_service.post("/notify/", json=payment({**MAYA, "email": "bounce@example.org"}, **{"async": False}))

    assert answer.status_code == 200
    states = {one["channel"]: one["status"] for one in answer.json["deliveries"]}
    assert states == {"in_app": "sent", "push": "sent", "sms": "sent", "email": "failed"}
    assert answer.json["status"] == "partly_failed"


@pytest.mark.parametrize("where", ["call", "recipient"])
def test_a_channel_asked_for_is_the_only_one_that_rings(service: FlaskClient, payment: Body, where: str) -> None:
    body = payment(channel="sms") if where == "call" else payment({**MAYA, "channel": "sms"})

    answer = service.post("/notify/", json=body)

    assert [one["channel"] for one in answer.json["deliveries"]] == ["in_app", "sms"]


def test_in_app_alone_can_be_asked_for(service: FlaskClient, payment: Body) -> None:
    answer = service.post("/notify/", json=payment(channel="in_app"))

    assert [one["channel"] for one in answer.json["deliveries"]] == ["in_app"]


def test_a_number_is_an_id_and_a_known_person_is_updated(service: FlaskClient, payment: Body) -> None:
    service.post("/notify/", json=payment())
    service.post("/notify/", json=payment({"id": 42, "email": "new@example.org"}))

    (row,) = db.session.scalars(select(Recipient))
    assert (row.external_id, row.email, row.phone) == ("42", "new@example.org", "+9779841234567")


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"template_name": "paymnt_success"}, 404, "unknown_template", "/template_name"),
    ({"template_name": "old"}, 409, "inactive_template", "/template_name"),
    ({"template_name": 7}, 422, "invalid_value", "/template_name"),
    ({"template_name": ""}, 422, "invalid_value", "/template_name"),
    ({"data": {"amount": 1}}, 422, "missing_variable", "/data/gateway"),
    ({"data": []}, 422, "invalid_value", "/data"),
    ({"data": {"amount": "x" * 70_000, "gateway": "x"}}, 422, "*", "/data"),
    ({"recipient": None}, 422, "invalid_value", "/recipient"),
    ({"recipient": "42"}, 422, "invalid_value", "/recipient"),
    ({"recipient": {}}, 422, "missing_field", "/recipient/id"),
    ({"recipient": {"id": True}}, 422, "invalid_value", "/recipient/id"),
    ({"recipient": {"id": ""}}, 422, "invalid_value", "/recipient/id"),
    ({"recipient": {"id": "x" * 201}}, 422, "invalid_value", "/recipient/id"),
    ({"recipient": {"id": "4\n2"}}, 422, "invalid_value", "/recipient/id"),
    ({"recipient": {**MAYA, "email": "maya at example"}}, 422, "invalid_recipient", "/recipient/email"),
    ({"recipient": {**MAYA, "email": "a@b.org, c@d.org"}}, 422, "invalid_recipient", "/recipient/email"),
    ({"recipient": {**MAYA, "email": 3}}, 422, "invalid_value", "/recipient/email"),
    ({"recipient": {**MAYA, "phone": "12"}}, 422, "invalid_recipient", "/recipient/phone"),
    ({"recipient": {**MAYA, "tokens": "abc"}}, 422, "invalid_value", "/recipient/tokens"),
    ({"recipient": {**MAYA, "tokens": [7]}}, 422, "invalid_recipient", "/recipient/tokens/0"),
    ({"recipient": {**MAYA, "locale": "not a locale"}}, 422, "invalid_recipient", "/recipient/locale"),
    ({"recipient": {**MAYA, "nickname": "M"}}, 422, "unknown_field", "/recipient/nickname"),
    ({"recipient": {**MAYA, "channel": "fax"}}, 422, "unknown_channel", "/recipient/channel"),
    ({"recipient": {**MAYA, "channel": "sms"}, "channel": "email"}, 422, "invalid_option", "/recipient/channel"),
    ({"channel": "fax"}, 422, "unknown_channel", "/channel"),
    ({"async": "no"}, 422, "invalid_value", "/async"),
    ({"async": 0}, 422, "invalid_value", "/async"),
    ({"priority": 10}, 422, "invalid_value", "/priority"),
    ({"expires_in": 0}, 422, "invalid_value", "/expires_in"),
    ({"send_at": "2027-01-01T00:00:00Z"}, 422, "unknown_field", "/send_at"),
    ({"sender": "me"}, 422, "unknown_field", "/sender"),
]


@pytest.mark.parametrize(("over", "status", "code", "field"), REFUSED)
def test_what_is_wrong_is_named_and_nothing_is_written(
    service: FlaskClient, payment: Body, over: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = service.post("/notify/", json={**payment(), **over})

    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == code or code == "*"
    assert answer.json["field"] == field
    assert answer.json["status"] == status
    assert answer.json["detail"]
    assert answer.json["remedy"]
    assert answer.json["type"] == f"urn:carillon:problem:{answer.json['code']}"
    assert (count(Notification), count(Delivery), count(Recipient)) == (0, 0, 0)


def test_every_mistake_is_listed(service: FlaskClient) -> None:
    answer = service.post("/notify/", json={"recipient": {"email": 3}, "surprise": 1})

    found = {(one["code"], one["field"]) for one in answer.json["errors"]}
    assert found == {
        ("missing_field", "/template_name"), ("missing_field", "/recipient/id"), ("invalid_value", "/recipient/email"),
        ("unknown_field", "/surprise"),
    }


@pytest.mark.parametrize(("body", "kind", "status", "code"), [
    (b"{nope", "application/json", 422, "invalid_json"),
    (b"", "application/json", 422, "invalid_json"),
    (b"[]", "application/json", 422, "invalid_json"),
    (b'"text"', "application/json", 422, "invalid_json"),
    (b'"{\\"template_name\\": \\"x\\"}"', "application/json", 422, "invalid_json"),
    (b"null", "application/json", 422, "invalid_json"),
    (b'{"a": 1, "a": 2}', "application/json", 422, "invalid_json"),
    (b'{"data": {"a": NaN}}', "application/json", 422, "invalid_json"),
    (b'{"data": {"a": 1e999}}', "application/json", 422, "invalid_json"),
    (b'{"data": {"a": ' + b"9" * 5_000 + b"}}", "application/json", 422, "invalid_json"),
    (b'{"data": {"a": "\\u0000"}}', "application/json", 422, "invalid_json"),
    (b'{"data": {"\\ud800": 1}}', "application/json", 422, "invalid_json"),
    (b'{"data": "\xff"}', "application/json", 422, "invalid_json"),
    ('{"template_name": "x"}'.encode("utf-16"), "application/json", 422, "invalid_json"),
    (b'{"a":' * 30 + b"1" + b"}" * 30, "application/json", 422, "invalid_json"),
    (b"[" * 400_000, "application/json", 422, "invalid_json"),
    (b'{"data": "' + b"x" * 1_100_000 + b'"}', "application/json", 413, "request_entity_too_large"),
    (b"{}", "text/plain", 415, "unsupported_media_type"),
    (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
])
def test_what_is_no_json_is_told_so(service: FlaskClient, body: bytes, kind: str, status: int, code: str) -> None:
    answer = service.post("/notify/", data=body, content_type=kind)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["remedy"]


@pytest.mark.parametrize(("body", "remedy"), [
    (b'{"data": "\xff"}', "UTF-8"),
    (b'\xef\xbb\xbf{"template_name": "x"}', "byte order mark"),
    (gzip.compress(b'{"template_name": "x"}', mtime=0), "uncompressed"),
    (b'{"data": {"a": "\\u0000"}}', "Leave such characters out"),
    (b'{"data": {"a": 1e999}}', "as text"),
    (b'{"data": {"a": ' + b"9" * 5_000 + b"}}", "as text"),
    (b'{"data": {"a": NaN}}', "null"),
    (b'{"template_name": "x", "recipient": {"id": ""}}', "at least 1 character"),
    (b'{"template_name": "x", "recipient": {"id": "' + b"x" * 201 + b'"}}', "at most 200 characters"),
    (b'{"template_name": "x", "recipient": {"id": "1"}, "priority": 10}', "at most 9"),
    (b'{"template_name": "x", "recipient": {"id": "1"}, "expires_in": 0}', "more than 0"),
])
def test_the_remedy_fits_the_mistake(service: FlaskClient, body: bytes, remedy: str) -> None:
    assert remedy in service.post("/notify/", data=body, content_type="application/json").json["remedy"]


def test_the_nest_of_twenty_levels_is_the_deepest(service: FlaskClient) -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels > 1 else {}

    assert service.post("/notify/", json=nested(20)).json["code"] != "invalid_json"
    assert service.post("/notify/", json=nested(21)).json["code"] == "invalid_json"


def test_a_repeat_gets_the_first_answer_byte_for_byte(any_service: FlaskClient, payment: Body) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = any_service.post("/notify/", json=payment(), headers=headers)
    reordered = dict(reversed(payment().items()))

    again = any_service.post("/notify/", json=reordered, headers=headers)

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count(Notification) == 1


def test_a_key_with_another_body_is_refused(service: FlaskClient, payment: Body) -> None:
    headers = {"Idempotency-Key": "order-7"}
    service.post("/notify/", json=payment(), headers=headers)

    answer = service.post("/notify/", json=payment(data={"amount": 1, "gateway": "x"}), headers=headers)

    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_conflict")
    assert answer.json["field"] == "Idempotency-Key"
    assert count(Notification) == 1


def test_another_service_may_use_the_same_idempotency_key(app: Flask, service: FlaskClient, payment: Body) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = service.post("/notify/", json=payment(), headers=headers).json["notification_id"]

    second = client_with(app, "send").post("/notify/", json=payment(), headers=headers).json["notification_id"]

    assert first != second


def test_a_refused_call_leaves_its_idempotency_key_free(service: FlaskClient, payment: Body) -> None:
    headers = {"Idempotency-Key": "order-7"}
    assert service.post("/notify/", json=payment(data={}), headers=headers).status_code == 422

    assert service.post("/notify/", json=payment(), headers=headers).status_code == 202
    assert count(IdempotencyKey) == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_has_bounds(service: FlaskClient, payment: Body, key: str) -> None:
    answer = service.post("/notify/", json=payment(), headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json["field"]) == (422, "Idempotency-Key")


def test_sixty_four_calls_with_one_key_make_one_message(any_app: Flask, any_service: FlaskClient, payment: Body) -> None:
    answers: list[tuple[int, bytes]] = []

    def post() -> None:
        client = any_app.test_client()
        client.environ_base.update(any_service.environ_base)
        answer = client.post("/notify/", json=payment(), headers={"Idempotency-Key": "order-7"})
        answers.append((answer.status_code, answer.data))

    threads = [threading.Thread(target=post) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 64
    assert {status for status, _ in answers} <= {202, 409}
    assert len({data for status, data in answers if status == 202}) == 1
    assert count(Notification) == 1


def test_the_story_of_a_message(any_service: FlaskClient, payment: Body) -> None:
    body = payment({**MAYA, "email": "bounce@example.org", "phone": None}, **{"async": False})
    made = any_service.post("/notify/", json=body).json["notification_id"]

    answer = any_service.get(f"/notify/{made}/")

    assert answer.status_code == 200
    assert (answer.json["notification_id"], answer.json["status"]) == (made, "partly_failed")
    assert (answer.json["title"], answer.json["message"]) == ("Payment Successful - ₹1000", "You paid 1000 by eSewa.")
    assert answer.json["recipient_id"] == "42"
    found = {one["channel"]: one for one in answer.json["deliveries"]}
    assert found["sms"]["reason"] == "no_phone"
    assert found["email"]["status"] == "failed"
    assert [attempt["outcome"] for attempt in found["email"]["attempts"]] == ["permanent"]
    assert "bounce@example.org" not in answer.text, "the address is masked"


@pytest.mark.parametrize("path", [
    f"/notify/{uuid.UUID(int=0)}/", "/notify/0f0e0d0c-0b0a-4908-8706-050403020100/",
    "/notify/42/", "/notify/%00/",
])
def test_an_id_that_is_none_of_ours_is_not_found(service: FlaskClient, path: str) -> None:
    answer = service.get(path)

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_a_key_needs_the_scope(app: Flask, service: FlaskClient, payment: Body) -> None:
    reader, sender = client_with(app, "read"), client_with(app, "send")

    assert reader.post("/notify/", json=payment()).json["code"] == "not_allowed"
    made = sender.post("/notify/", json=payment()).json["notification_id"]
    assert sender.get(f"/notify/{made}/").status_code == 403
    assert reader.get(f"/notify/{made}/").status_code == 200
