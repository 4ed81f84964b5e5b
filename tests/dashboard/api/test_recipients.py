"""People by HTTP: created, updated, looked up; and what they do not want."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tasks.extensions import db
from tasks.models import OptOut, Recipient
from tests.dashboard.api.conftest import client_with


def test_a_person_is_made_and_shown(any_service: FlaskClient) -> None:
    body = {
        "name": "Maya", "email": "Maya@Example.org", "phone": 9841234567, "locale": "ne_NP", "timezone": "asia/kathmandu",
        "country": "np", "tokens": ["secret-token", {"token": "installation", "kind": "fid"}], "attributes": {"plan": "pro"},
    }

    made = any_service.put("/recipients/42/", json=body)
    shown = any_service.get("/recipients/42/")

    assert (made.status_code, shown.status_code) == (200, 200)
    assert made.json == shown.json
    assert {name: shown.json[name] for name in ("id", "name", "email", "phone", "locale", "timezone", "country")} == {
        "id": "42", "name": "Maya", "email": "Maya@example.org", "phone": "+9779841234567", "locale": "ne-NP",
        "timezone": "Asia/Kathmandu", "country": "NP",
    }
    assert shown.json["attributes"] == {"plan": "pro"}
    assert sorted(device["kind"] for device in shown.json["devices"]) == ["fid", "token"]
    assert "secret-token" not in shown.text
    assert (shown.json["is_active"], shown.json["opted_out"]) == (True, [])


def test_what_is_left_out_stays_and_what_is_empty_goes(any_service: FlaskClient) -> None:
    any_service.put("/recipients/42/", json={"name": "Maya", "email": "maya@example.org", "country": "NP"})

    answer = any_service.put("/recipients/42/", json={"name": "", "country": None})

    assert (answer.json["name"], answer.json["email"], answer.json["country"]) == ("", "maya@example.org", "")


@pytest.mark.parametrize(("body", "code", "field"), [
    ({"email": "nowhere"}, "invalid_recipient", "/email"),
    ({"email": 5}, "invalid_value", "/email"),
    ({"phone": "1"}, "invalid_recipient", "/phone"),
    ({"timezone": "Mars/Olympus"}, "invalid_recipient", "/timezone"),
    ({"country": "Nepal"}, "invalid_recipient", "/country"),
    ({"tokens": [""]}, "invalid_recipient", "/tokens/0"),
    ({"attributes": []}, "invalid_value", "/attributes"),
    ({"name": "a\nb"}, "invalid_recipient", "/name"),
    ({"id": "43"}, "unknown_field", "/id"),
    ({"is_active": False}, "unknown_field", "/is_active"),
])
def test_what_is_wrong_is_named_and_nobody_is_made(service: FlaskClient, body: dict[str, Any], code: str, field: str) -> None:
    answer = service.put("/recipients/42/", json=body)

    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (422, code, field)
    assert answer.json["remedy"]
    assert db.session.scalar(select(func.count()).select_from(Recipient)) == 0


@pytest.mark.parametrize("external_id", ["नेपाल", "a%20b", "'; drop table recipients; --", "x" * 200, "..%2e", "%F0%9F%92%9A"])
def test_an_id_may_be_any_text_that_can_be_printed(any_service: FlaskClient, external_id: str) -> None:
    made = any_service.put(f"/recipients/{external_id}/", json={"name": "Maya"})

    assert made.status_code == 200, made.text
    assert any_service.get(f"/recipients/{external_id}/").json["name"] == "Maya"


@pytest.mark.parametrize("external_id", ["%00", "a%0Ab", "x" * 201, "%7F"])
def test_an_id_that_is_no_text_is_refused(any_service: FlaskClient, external_id: str) -> None:
    for answer in (any_service.get(f"/recipients/{external_id}/"), any_service.put(f"/recipients/{external_id}/", json={})):
        assert (answer.status_code, answer.json["field"]) == (422, "id")


def test_nobody_is_not_found(service: FlaskClient) -> None:
    answer = service.get("/recipients/nobody/")

    assert (answer.status_code, answer.json["code"]) == (404, "unknown_recipient")


def choose(service: FlaskClient, channel: str | None, opted_out: bool) -> list[tuple[str, str | None]]:
    body = {"notification_type": "special_offer", "channel": channel, "opted_out": opted_out}
    answer = service.put("/recipients/42/preferences/", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json["recipient_id"] == "42"
    assert answer.json["opted_out"] == service.get("/recipients/42/").json["opted_out"]
    return [(one["notification_type"], one["channel"]) for one in answer.json["opted_out"]]


def test_opting_out_and_in_again(any_service: FlaskClient) -> None:
    any_service.put("/recipients/42/", json={})

    assert choose(any_service, "sms", True) == [("special_offer", "sms")]
    assert choose(any_service, "sms", True) == [("special_offer", "sms")], "saying it twice changes nothing"
    assert choose(any_service, None, True) == [("special_offer", None), ("special_offer", "sms")]
    assert choose(any_service, "sms", False) == [("special_offer", None)]
    choose(any_service, "email", True)
    assert choose(any_service, None, False) == []
    assert db.session.scalar(select(func.count()).select_from(OptOut)) == 0


def test_an_opt_out_is_heeded_when_sending(service: FlaskClient) -> None:
    service.put("/recipients/42/", json={"email": "maya@example.org", "phone": "+9779841234567"})
    service.put("/recipients/42/preferences/", json={
        "notification_type": "payment_success", "channel": "email", "opted_out": True,
    })

    answer = service.post("/notify/", json={
        "template_name": "payment_success", "data": {"amount": 1, "gateway": "x"}, "recipient": {"id": "42"},
    })

    found = {one["channel"]: (one["status"], one["reason"]) for one in answer.json["deliveries"]}
    assert found["email"] == ("skipped", "opted_out")
    assert found["sms"] == ("queued", "")


@pytest.mark.parametrize(("body", "status", "field"), [
    ({"notification_type": "x", "channel": "fax", "opted_out": True}, 422, "/channel"),
    ({"notification_type": "x", "channel": "*", "opted_out": True}, 422, "/channel"),
    ({"notification_type": "", "opted_out": True}, 422, "/notification_type"),
    ({"notification_type": "x"}, 422, "/opted_out"),
    ({"notification_type": "x", "opted_out": "yes"}, 422, "/opted_out"),
    ({"notification_type": "x", "opted_out": True, "why": "spam"}, 422, "/why"),
])
def test_a_preference_that_is_wrong_is_named(service: FlaskClient, body: dict[str, Any], status: int, field: str) -> None:
    service.put("/recipients/42/", json={})

    answer = service.put("/recipients/42/preferences/", json=body)

    assert (answer.status_code, answer.json["field"]) == (status, field)


def test_nobodys_preferences_are_not_found(service: FlaskClient) -> None:
    answer = service.put("/recipients/nobody/preferences/", json={"notification_type": "x", "opted_out": True})

    assert (answer.status_code, answer.json["code"]) == (404, "unknown_recipient")


def test_people_need_their_scope(app: Flask) -> None:
    for client in (client_with(app, "send"), client_with(app, "read")):
        assert client.put("/recipients/42/", json={}).status_code == 403
        assert client.get("/recipients/42/").status_code == 403
        assert client.put("/recipients/42/preferences/", json={}).status_code == 403
