"""GET and POST /broadcasts/<id>/finish/: what did not get through, and one more round over it."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tasks import broadcasts, jobs
from tasks.database import writing
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import Broadcast, Delivery
from tests.dashboard.api.conftest import client_with

BODY = {"template_name": "payment_success", "data": {"amount": 1, "gateway": "eSewa"}, "audience": "all", "channel": "email"}


def completed(service: FlaskClient, audience: Any = "all") -> str:
    """A broadcast to four, all there are or these `audience`: one sent, one failed, one in doubt, one without an address."""
    for number in range(4):
        person = {} if number == 3 else {"email": f"u{number}@example.test"}
        assert service.put(f"/recipients/{number}/", json=person).status_code == 200
    made = service.post("/notify/broadcast/", json={**BODY, "audience": audience}).json["broadcast_id"]
    pk = db.session.scalars(select(Broadcast.pk)).one()
    go(pk)
    ends = (("failed", "gave_up"), ("unknown", "in_doubt"))
    rows = db.session.scalars(select(Delivery.pk).where(Delivery.state == "sent", Delivery.channel == "email")).all()
    db.session.rollback()
    with writing() as connection:
        for row, (state, reason) in zip(rows, ends, strict=False):
            connection.execute(update(Delivery).where(Delivery.pk == row).values(state=state, reason=reason))
            counts.add(connection, 9, {(pk, "email", "sent"): -1, (pk, "email", state): 1})
    return str(made)


def go(pk: int) -> None:
    jobs.expand_broadcast.call_local(pk)
    while jobs._round("email"):
        pass
    broadcasts.finish()


def test_what_could_be_sent_again_is_listed_in_words(any_service: FlaskClient) -> None:
    made = completed(any_service)

    found = any_service.get(f"/broadcasts/{made}/finish/").json

    assert (found["broadcast_id"], found["status"], found["round"], found["can_finish"]) == (made, "completed", 1, True)
    assert [(one["channel"], one["state"], one["reason"], one["count"]) for one in found["choices"]] == [
        ("email", "failed", "gave_up", 1), ("email", "skipped", "no_email", 1), ("email", "unknown", "in_doubt", 1),
    ]
    assert all(one["words"] for one in found["choices"])
    assert found["rounds"] == []


@pytest.mark.parametrize(("body", "count"), [
    ({"chosen": [{"channel": "email", "state": "failed", "reason": "gave_up"}]}, 1),
    ({"chosen": [{"state": "failed"}, {"reason": "in_doubt"}]}, 2),
    ({"reasons": ["gave_up", "in_doubt", "no_email"]}, 3),
])
def test_it_is_sent_again(service: FlaskClient, body: dict[str, Any], count: int) -> None:
    made = completed(service)

    answer = service.post(f"/broadcasts/{made}/finish/", json=body)

    assert (answer.status_code, answer.json) == (202, {"broadcast_id": made, "status": "sending", "round": 2, "count": count})
    again = service.post(f"/broadcasts/{made}/finish/", json=body)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state")
    assert "key shop" in again.json["remedy"]
    go(db.session.scalars(select(Broadcast.pk)).one())
    found = service.get(f"/broadcasts/{made}/finish/").json
    assert (found["status"], found["rounds"][0]["count"], found["rounds"][0]["created_by"]) == ("completed", count, "key shop")
    assert sum(one["count"] for one in found["choices"] if one["state"] != "skipped") == 2 - min(count, 2)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"chosen": [{"state": "failed"}, {"state": "sent"}]}, "/chosen/1/state"),
    ({"chosen": [{"channel": "fax"}]}, "/chosen/0/channel"),
    ({"chosen": []}, "/chosen"),
    ({"chosen": [{}]}, "/chosen/0"),
    ({"reasons": []}, "/reasons"),
    ({"reasons": ["gave_up", "sent"]}, "/reasons/1"),
    ({}, ""),
    ({"chosen": [{"state": "failed"}], "reasons": ["gave_up"]}, ""),
    ({"chosen": [{"status": "failed"}]}, "/chosen/0/status"),
]


def test_what_cannot_be_chosen_is_named(service: FlaskClient) -> None:
    made = completed(service)

    for body, field in WRONG:
        answer = service.post(f"/broadcasts/{made}/finish/", json=body)
        assert (answer.status_code, answer.json["field"]) == (422, field), answer.text
        assert answer.json["remedy"]
    assert db.session.scalars(select(Broadcast.round)).one() == 1


def test_nothing_that_is_left_is_a_conflict(service: FlaskClient) -> None:
    made = completed(service)

    answer = service.post(f"/broadcasts/{made}/finish/", json={"reasons": ["no_phone"]})

    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
    assert "left" in answer.json["detail"]


def test_a_repeat_gets_the_first_answer(any_service: FlaskClient) -> None:
    made = completed(any_service)
    headers = {"Idempotency-Key": "again"}
    first = any_service.post(f"/broadcasts/{made}/finish/", json={"reasons": ["gave_up"]}, headers=headers)
    go(db.session.scalars(select(Broadcast.pk)).one())

    again = any_service.post(f"/broadcasts/{made}/finish/", json={"reasons": ["gave_up"]}, headers=headers)

    assert (again.status_code, again.data) == (first.status_code, first.data) == (202, again.data)
    other = any_service.post(f"/broadcasts/{made}/finish/", json={"reasons": ["in_doubt"]}, headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_conflict")
    assert db.session.scalars(select(Broadcast.round)).one() == 2


def test_scopes(app: Flask, service: FlaskClient) -> None:
    made = completed(service)
    reader, sender = client_with(app, "read"), client_with(app, "broadcast")

    assert reader.get(f"/broadcasts/{made}/finish/").status_code == 200
    assert reader.post(f"/broadcasts/{made}/finish/", json={"reasons": ["gave_up"]}).status_code == 403
    assert sender.get(f"/broadcasts/{made}/finish/").status_code == 403
    assert sender.post(f"/broadcasts/{made}/finish/", json={"reasons": ["gave_up"]}).status_code == 202
    nobody = "00000000-0000-8000-8000-000000000001"
    assert reader.get(f"/broadcasts/{nobody}/finish/").status_code == 404
    assert sender.post(f"/broadcasts/{nobody}/finish/", json={"reasons": ["gave_up"]}).status_code == 404
