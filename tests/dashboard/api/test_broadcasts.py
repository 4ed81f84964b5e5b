"""POST /notify/broadcast/, its status, and pause, resume and cancel."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tasks import jobs
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Recipient, Segment, SegmentMember
from tasks.models.types import utcnow
from tests import factories
from tests.dashboard.api.conftest import client_with


def body(**over: Any) -> dict[str, Any]:
    return {"template_name": "maintenance_notice", "data": {"date": "Sunday"}, "audience": "all", **over}


def start(service: FlaskClient, **over: Any) -> str:
    answer = service.post("/notify/broadcast/", json=body(**over))
    assert answer.status_code == 202, answer.text
    return str(answer.json["broadcast_id"])


def people(service: FlaskClient, *countries: str) -> None:
    for number, country in enumerate(countries):
        assert service.put(f"/recipients/{number}/", json={"country": country}).status_code == 200


@pytest.mark.parametrize("audience", [
    "all", "subscribed", "nepal", {"ids": ["1", 2]},
    {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]},
])
def test_a_broadcast_is_accepted_for_any_kind_of_audience(any_service: FlaskClient, audience: Any) -> None:
    people(any_service, "NP", "DE", "NP")

    answer = any_service.post("/notify/broadcast/", json=body(audience=audience))

    assert answer.status_code == 202
    assert answer.json == {"broadcast_id": answer.json["broadcast_id"], "status": "queued", "is_broadcast": True}
    assert uuid.UUID(answer.json["broadcast_id"])


def test_it_is_sent_and_its_counts_are_shown(any_service: FlaskClient) -> None:
    people(any_service, "NP", "DE", "NP")
    made = start(any_service, audience="nepal")

    jobs.expand_broadcast.call_local(db.session.scalars(select(Broadcast.pk)).one())
    status = any_service.get(f"/broadcasts/{made}/").json

    assert (status["broadcast_id"], status["is_broadcast"]) == (made, True)
    assert (status["audience_count"], status["audience_complete"]) == (2, True)
    assert status["counts"]["in_app"] == {"sent": 2}
    assert (status["template_name"], status["audience"], status["created_by"]) == ("maintenance_notice", "nepal", "key shop")


def test_the_variables_of_a_broadcast_may_have_any_name(service: FlaskClient) -> None:
    start(service, data={"date": "Sunday", "options": 1, "audience": 2, "template_slug": 3, "self": 4})

    assert db.session.scalars(select(Broadcast)).one().data["options"] == 1


def test_a_time_to_start_schedules_it(service: FlaskClient) -> None:
    tomorrow = (utcnow() + timedelta(days=1)).replace(microsecond=0)

    answer = service.post("/notify/broadcast/", json=body(send_at=tomorrow.isoformat()))

    assert (answer.status_code, answer.json["status"]) == (202, "scheduled")
    assert db.session.scalars(select(Broadcast)).one().send_at == tomorrow


@pytest.mark.parametrize(("over", "status", "code", "field"), [
    ({"template_name": "nope"}, 404, "unknown_template", "/template_name"),
    ({"template_name": "old"}, 409, "inactive_template", "/template_name"),
    ({"data": {}}, 422, "missing_variable", "/data/date"),
    ({"audience": "nowhere"}, 404, "unknown_audience", "/audience"),
    ({"audience": ""}, 422, "invalid_value", "/audience"),
    ({"audience": 7}, 422, "invalid_value", "/audience"),
    ({"audience": {"combinator": "and", "rules": [{"field": "password", "operator": "=", "value": "x"}]}},
     422, "invalid_audience", "/audience/rules/0/field"),
    ({"audience": {"source": "ftp"}}, 422, "invalid_audience", "/audience"),
    ({"send_at": "tomorrow"}, 422, "invalid_value", "/send_at"),
    ({"send_at": "2027-01-01T00:00:00"}, 422, "invalid_option", "/send_at"),
    ({"send_at": "9999-12-31T23:59:59-14:00"}, 422, "invalid_option", "/send_at"),
    ({"send_at": "9999-12-31T23:59", "timezone": "Pacific/Honolulu"}, 422, "invalid_option", "/send_at"),
    ({"send_at": "0001-01-01T00:00", "timezone": "Asia/Kathmandu"}, 422, "invalid_option", "/send_at"),
    ({"send_at": "2090-01-01T00:00", "timezone": "Asia/Kathmandu"}, 422, "invalid_option", "/send_at"),
    ({"send_at": "2020-01-01T00:00Z"}, 422, "invalid_option", "/send_at"),
    ({"timezone": "Europe/Berlim"}, 422, "invalid_option", "/timezone"),
    ({"timezone": None}, 422, "invalid_value", "/timezone"),
    ({"window": "9-20"}, 422, "invalid_option", "/window"),
    ({"window": "09:00-09:00"}, 422, "invalid_option", "/window"),
    ({"window": ["09:00", "20:00"]}, 422, "invalid_value", "/window"),
    ({"rate_per_minute": 0}, 422, "invalid_value", "/rate_per_minute"),
    ({"rate_per_minute": 1.5}, 422, "invalid_value", "/rate_per_minute"),
    ({"send_at": 1}, 422, "invalid_value", "/send_at"),
    ({"channel": "fax"}, 422, "unknown_channel", "/channel"),
    ({"recipients": []}, 422, "unknown_field", "/recipients"),
])
def test_what_is_wrong_is_named_and_nothing_is_written(
    service: FlaskClient, over: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = service.post("/notify/broadcast/", json=body(**over))

    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (status, code, field), answer.text
    assert answer.json["remedy"]
    assert db.session.scalar(select(func.count()).select_from(Broadcast)) == 0


def test_pause_resume_cancel(any_service: FlaskClient) -> None:
    made = start(any_service)

    def press(action: str) -> tuple[int, str]:
        answer = any_service.post(f"/broadcasts/{made}/{action}/")
        return answer.status_code, answer.json.get("status") if answer.status_code == 200 else answer.json["code"]

    assert press("resume") == (409, "wrong_state")
    assert press("pause") == (200, "paused")
    assert press("pause") == (409, "wrong_state")
    assert press("resume") == (200, "queued")
    assert press("cancel") == (200, "cancelled")
    assert press("resume") == (409, "wrong_state")
    assert press("cancel") == (409, "wrong_state")
    actors = db.session.execute(select(AuditEntry.actor, AuditEntry.action).where(AuditEntry.object_type == "broadcast"))
    assert {tuple(row) for row in actors} >= {("key shop", "pause"), ("key shop", "resume"), ("key shop", "cancel")}


def test_who_comes_second_is_told_who_was_first(service: FlaskClient) -> None:
    made = start(service)
    service.post(f"/broadcasts/{made}/pause/")

    answer = service.post(f"/broadcasts/{made}/pause/")

    assert "key shop" in answer.json["remedy"]


@pytest.mark.parametrize("action", ["", "pause/", "resume/", "cancel/"])
@pytest.mark.parametrize("public_id", [str(uuid.UUID(int=0)), "00000000-0000-8000-8000-000000000001", "7", "bulk"])
def test_a_broadcast_that_is_none_of_ours_is_not_found(service: FlaskClient, action: str, public_id: str) -> None:
    answer = service.open(f"/broadcasts/{public_id}/{action}", method="POST" if action else "GET")

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_the_id_of_a_message_is_not_that_of_a_broadcast(service: FlaskClient) -> None:
    message = service.post("/notify/", json={
        "template_name": "maintenance_notice", "data": {"date": "Sunday"}, "recipient": {"id": "1"},
    }).json["notification_id"]
    made = start(service)

    assert service.get(f"/broadcasts/{message}/").json["code"] == "unknown_broadcast"
    assert service.get(f"/notify/{made}/").json["code"] == "unknown_notification"


def test_a_repeat_starts_nothing_and_gets_the_first_answer(any_service: FlaskClient) -> None:
    headers = {"Idempotency-Key": "sunday"}
    first = any_service.post("/notify/broadcast/", json=body(), headers=headers)
    any_service.post(f"/broadcasts/{first.json['broadcast_id']}/pause/")

    again = any_service.post("/notify/broadcast/", json=body(), headers=headers)

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert db.session.scalar(select(func.count()).select_from(Broadcast)) == 1


def test_scopes(app: Flask, service: FlaskClient) -> None:
    made = start(service)
    sender, reader = client_with(app, "send"), client_with(app, "read")

    assert sender.post("/notify/broadcast/", json=body()).status_code == 403
    assert reader.post(f"/broadcasts/{made}/pause/").status_code == 403
    assert reader.get(f"/broadcasts/{made}/").status_code == 200
    assert client_with(app, "broadcast").post(f"/broadcasts/{made}/pause/").status_code == 200


def test_a_wall_clock_s_time_a_window_and_a_rate_are_kept_and_shown(any_service: FlaskClient) -> None:
    day = f"{utcnow() + timedelta(days=30):%Y-%m-%d}"
    made = start(
        any_service, send_at=f"{day}T08:00", timezone="Asia/Kathmandu", window="09:00-20:00", rate_per_minute=600, expires_in=7200
    )

    shown = any_service.get(f"/broadcasts/{made}/").json

    assert (shown["status"], shown["send_at"]) == ("scheduled", f"{day}T02:15:00+00:00")
    assert (shown["send_at_local"], shown["timezone"], shown["window"]) == (f"{day} 08:00", "Asia/Kathmandu", "09:00-20:00")
    assert shown["rate_per_minute"] == 600
    assert (shown["waiting_for"], shown["next_at"]) == (f"09:00 on {day} Asia/Kathmandu", f"{day}T03:15:00+00:00")
    assert shown["expires_at"] == f"{day}T04:15:00+00:00"


def test_a_missed_one_waits_for_a_human_and_the_second_is_told_who_was_first(any_service: FlaskClient) -> None:
    people(any_service, "NP")
    made = start(any_service, send_at=(utcnow() + timedelta(days=1)).isoformat(), expires_in=3600)
    with db.engine.begin() as connection:
        late = utcnow() - timedelta(hours=2)
        connection.execute(Broadcast.__table__.update().values(send_at=late, expires_at=late + timedelta(hours=1)))
    jobs.tick()

    shown = any_service.get(f"/broadcasts/{made}/").json
    assert (shown["status"], shown["next_at"]) == ("missed", None)
    assert "a decision" in shown["waiting_for"]
    assert any_service.post(f"/broadcasts/{made}/pause/").status_code == 409
    assert any_service.post(f"/broadcasts/{made}/resume/").json["status"] == "queued"

    second = any_service.post(f"/broadcasts/{made}/resume/")

    assert (second.status_code, second.json["code"]) == (409, "wrong_state")
    assert "resume by key shop" in second.json["remedy"]


def test_a_plan_is_sent_as_it_was_found_or_refused(any_service: FlaskClient) -> None:
    factories.people(4)
    staff = Segment(slug="staff", name="Staff")
    db.session.add(staff)
    db.session.flush()
    first = db.session.scalars(select(Recipient.id).order_by(Recipient.id)).first()
    db.session.add(SegmentMember(segment_id=staff.id, recipient_id=first))
    db.session.commit()
    asked = body(exclude=["staff"])

    found = any_service.post("/notify/broadcast/", json={**asked, "dry_run": True}).json
    assert (found["audience_count"], found["audience_label"]) == (3, "Everybody, without Staff")
    made = any_service.post("/notify/broadcast/", json={**asked, "plan_hash": found["plan_hash"]})
    assert made.status_code == 202

    factories.people(1, start=90)
    refused = any_service.post("/notify/broadcast/", json={**asked, "plan_hash": found["plan_hash"]})
    assert (refused.status_code, refused.json["code"], refused.json["field"]) == (409, "plan_moved", "/plan_hash")
    assert (refused.json["audience"]["entered"], refused.json["audience"]["entered_examples"]) == (1, ["90"])
    unknown = any_service.post("/notify/broadcast/", json={**asked, "plan_hash": "f" * 32})
    assert (unknown.status_code, unknown.json["code"]) == (404, "unknown_plan")
    wrong = any_service.post("/notify/broadcast/", json={**asked, "exclude": ["stuff"]})
    assert (wrong.status_code, wrong.json["field"]) == (404, "/exclude")
