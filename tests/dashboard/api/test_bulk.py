"""POST /notify/bulk/: an answer for each, and one bad person stops nobody."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tasks.extensions import db
from tasks.models import Notification


def bulk(*recipients: Any, **over: Any) -> dict[str, Any]:
    return {"template_name": "payment_success", "data": {"gateway": "eSewa"}, "recipients": list(recipients), **over}


def sent() -> int:
    return db.session.scalar(select(func.count()).select_from(Notification)) or 0


def test_everyone_gets_an_answer_in_order(any_service: FlaskClient) -> None:
    answer = any_service.post("/notify/bulk/", json=bulk(
        {"id": "1", "email": "one@example.org", "data": {"amount": 1}},
        {"id": 2, "data": {"amount": 2}, "channel": "sms"},
        {"id": "3"},
        {"id": "4", "email": "nowhere", "data": {"amount": 4}},
        {"email": "five@example.org"},
        6,
        {"id": "7", "data": {"amount": 7}, "channel": "fax"},
        {"id": "8", "data": {"amount": 8}, "nickname": "eight"},
    ))

    assert answer.status_code == 202
    assert (answer.json["status"], answer.json["total"]) == ("queued", 8)
    assert (answer.json["success_count"], answer.json["failure_count"]) == (2, 6)
    results = answer.json["results"]
    assert [one["index"] for one in results] == list(range(8))
    assert [one["recipient_id"] for one in results] == ["1", "2", "3", "4", "", "6", "7", "8"]
    assert [one["status"] for one in results] == ["queued"] * 2 + ["failed"] * 6
    assert [one["channel"] for one in results[1]["deliveries"]] == ["in_app", "sms"]
    assert [(one["error"]["code"], one["error"]["field"]) for one in results[2:]] == [
        ("missing_variable", "/data/amount"),
        ("invalid_recipient", "/recipients/3/email"),
        ("missing_field", "/recipients/4/id"),
        ("invalid_value", "/recipients/5"),
        ("unknown_channel", "/recipients/6/channel"),
        ("unknown_field", "/recipients/7/nickname"),
    ]
    assert all(one["error"]["detail"] and one["error"]["remedy"] for one in results[2:])
    titles = db.session.scalars(select(Notification).order_by(Notification.pk)).all()
    assert [row.title for row in titles] == ["Payment Successful - ₹1", "Payment Successful - ₹2"]


def test_own_data_that_is_wrong_is_pointed_at(service: FlaskClient) -> None:
    answer = service.post("/notify/bulk/", json=bulk({"id": "1", "data": {"amont": 1}}, {"id": "2", "data": {"amount": 1}}))

    assert answer.json["results"][0]["error"]["field"] == "/recipients/0/data/amount"


def test_a_single_bad_person_is_a_result_too(service: FlaskClient) -> None:
    answer = service.post("/notify/bulk/", json=bulk({"id": "3"}))

    assert answer.status_code == 202
    assert (answer.json["success_count"], answer.json["failure_count"]) == (0, 1)
    assert answer.json["results"][0]["error"]["code"] == "missing_variable"
    assert sent() == 0


def test_now_means_with_results(any_service: FlaskClient) -> None:
    answer = any_service.post("/notify/bulk/", json=bulk(
        {"id": "1", "email": "one@example.org", "channel": "email", "data": {"amount": 1}},
        {"id": "2", "email": "bounce@example.org", "channel": "email", "data": {"amount": 2}}, **{"async": False},
    ))

    assert (answer.status_code, answer.json["status"]) == (200, "completed")
    assert [one["status"] for one in answer.json["results"]] == ["sent", "failed"]
    assert answer.json["success_count"] == 2, "both are on record; what a channel said is in the deliveries"
    assert answer.json["results"][1]["deliveries"][1]["status"] == "failed"


def test_a_thousand_are_taken_and_one_more_is_not(service: FlaskClient) -> None:
    people = [{"id": str(number), "data": {"amount": number}} for number in range(1_001)]

    answer = service.post("/notify/bulk/", json=bulk(*people))
    assert (answer.status_code, answer.json["field"]) == (422, "/recipients")
    assert sent() == 0

    answer = service.post("/notify/bulk/", json=bulk(*people[:1_000]))
    assert (answer.status_code, answer.json["success_count"]) == (202, 1_000)
    assert sent() == 1_000


@pytest.mark.parametrize(("over", "status", "code", "field"), [
    ({"recipients": []}, 422, "invalid_value", "/recipients"),
    ({"recipients": {}}, 422, "invalid_value", "/recipients"),
    ({"template_name": "nope"}, 404, "unknown_template", "/template_name"),
    ({"channel": "fax"}, 422, "unknown_channel", "/channel"),
    ({"recipient": {"id": "1"}}, 422, "unknown_field", "/recipient"),
])
def test_what_concerns_the_whole_call_refuses_it(
    service: FlaskClient, over: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = service.post("/notify/bulk/", json=bulk({"id": "1", "data": {"amount": 1}}, **over))

    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (status, code, field)
    assert sent() == 0


def test_a_repeat_gets_the_first_answer(any_service: FlaskClient) -> None:
    body = bulk({"id": "1", "data": {"amount": 1}}, {"id": "2"}, {"id": "3", "data": {"amount": 3}})
    first = any_service.post("/notify/bulk/", json=body, headers={"Idempotency-Key": "run-1"})

    again = any_service.post("/notify/bulk/", json=body, headers={"Idempotency-Key": "run-1"})

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert sent() == 2
