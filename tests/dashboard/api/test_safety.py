"""The safety catch for services: canary, grace, the number of people, and an approval that no key can give."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.keys import create_key, owners_of
from dashboard.rotation import rotate
from tasks import jobs
from tasks.extensions import db
from tasks.models import Broadcast, Operator
from tasks.safety import approval
from tests import factories
from tests.dashboard.api.test_broadcasts import body, start


@pytest.fixture
def settings() -> dict[str, object]:
    return {"approve_above": 0}


def row() -> Broadcast:
    return db.session.scalars(select(Broadcast).execution_options(populate_existing=True)).one()


def test_a_canary_goes_first_and_its_status_says_so(any_service: FlaskClient) -> None:
    factories.people(5)
    made = start(any_service, canary={"people": 2, "share": 0.5, "wait": None})
    jobs.expand_broadcast.call_local(row().pk)

    status = any_service.get(f"/broadcasts/{made}/").json

    assert status["canary"] == {"people": 2, "share": 0.5, "wait": None, "verdict": "", "ended_at": None}
    assert (status["expanded_count"], status["approval"]) == (2, None)


def test_an_api_send_is_delayed_only_where_it_asks(service: FlaskClient) -> None:
    factories.people(2)
    assert any(one is not None for one in [start(service)])
    assert row().undo_until is None
    db.session.execute(Broadcast.__table__.delete())
    db.session.commit()

    made = start(service, undo_seconds=30)
    jobs.expand_broadcast.call_local(row().pk)
    waits = service.get(f"/broadcasts/{made}/").json
    assert (waits["status"], waits["waiting_for"]) == ("queued", "the seconds in which it can be taken back")
    assert service.post(f"/broadcasts/{made}/cancel/").json["status"] == "cancelled"
    assert factories.notifications() == []


WRONG = (
    ({"canary": {"people": 0}}, "/canary/people"), ({"canary": {"people": 5, "share": 2}}, "/canary/share"),
    ({"canary": {}}, "/canary/people"), ({"canary": 5}, "/canary"), ({"undo_seconds": 600}, "/undo_seconds"),
    ({"confirm_count": -1}, "/confirm_count"),
)


def test_what_is_wrong_is_named(service: FlaskClient) -> None:
    for over, field in WRONG:
        answer = service.post("/notify/broadcast/", json=body(**over))
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_a_wrong_number_of_people_is_refused_with_the_right_one(service: FlaskClient) -> None:
    factories.people(5)
    answer = service.post("/notify/broadcast/", json=body(confirm_count=4))
    assert (answer.status_code, answer.json["code"], answer.json["count"]) == (409, "wrong_count", 5)
    assert db.session.query(Broadcast).count() == 0
    start(service, confirm_count=5)


@pytest.mark.parametrize("settings", [{"approve_above": 3, "undo_seconds": 0}])
def test_a_large_one_waits_for_a_person_and_its_repeat_says_the_same(service: FlaskClient, app: Flask) -> None:
    factories.people(5)
    headers = {"Idempotency-Key": "one"}
    first = service.post("/notify/broadcast/", json=body(), headers=headers)
    assert (first.status_code, first.json["status"]) == (202, "awaiting_approval")
    again = service.post("/notify/broadcast/", json=body(), headers=headers)
    assert again.data == first.data
    status = service.get(f"/broadcasts/{first.json['broadcast_id']}/").json
    assert (status["status"], status["approval"]["audience_count"], status["approval"]["answer"]) == ("awaiting_approval", 5, "")
    assert service.post(f"/broadcasts/{first.json['broadcast_id']}/resume/").status_code == 409
    assert service.post(f"/broadcasts/{first.json['broadcast_id']}/approve/").status_code == 404  # there is no such door

    db.session.add(Operator(email="bina@example.org", role="sender", password_hash="x"))
    db.session.commit()
    bina = db.session.scalar(select(Operator.id))
    approval.approve(row().pk, bina, row().plan_hash)
    jobs.expand_broadcast.call_local(row().pk)
    assert len(factories.notifications()) == 5


def test_everybody_who_ever_had_the_key_in_hand_stands_behind_it(app: Flask) -> None:
    create_key("ci", ["keys"], "asha@example.org")
    second, _ = create_key("shop", ["broadcast"], "key ci")
    third, _ = rotate(second, "bina@example.org")
    lone, _ = create_key("other", ["broadcast"], "cli")
    assert owners_of(third) == ("asha@example.org", "bina@example.org")
    assert owners_of(lone) == ()
