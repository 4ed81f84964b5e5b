"""Repeats of every POST: the first answer again byte for byte; another body refused; one that still runs told so."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tasks import deliver, idempotency, jobs
from tasks.extensions import db
from tasks.models import Delivery, IdempotencyKey, Notification, Template
from tasks.models.types import db_clock
from tests import factories
from tests.dashboard.api.conftest import MAYA, PAYMENT

Body = Callable[..., dict[str, Any]]
KEY = {"Idempotency-Key": "order-7"}
NOTICE = {"template_name": "maintenance_notice", "data": {"date": "Sunday"}, "audience": "all"}


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def both(service: FlaskClient, path: str, body: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The same call twice."""
    first, again = (service.post(path, json=body, headers=KEY) for _ in range(2))
    assert first.status_code < 300, first.text
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content_type, again.data) == (first.status_code, first.content_type, first.data)
    return first, again


@pytest.mark.parametrize("later", [True, False])
def test_sends_are_answered_as_the_first_time(any_service: FlaskClient, later: bool) -> None:
    both(any_service, "/notify/", {**PAYMENT, "recipient": MAYA, "async": later})
    people = [MAYA, {"id": "43", "email": "not an address"}, {"id": "44", "data": {"amount": []}}]
    both(any_service, "/notify/bulk/", {**PAYMENT, "recipients": people, "async": later})
    both(any_service, "/notify/broadcast/", NOTICE)


def test_a_repeat_of_a_call_that_sent_at_once_shows_the_first_results(service: FlaskClient) -> None:
    body = {**PAYMENT, "recipient": {**MAYA, "email": "fails-once@example.org"}, "async": False}
    first = service.post("/notify/", json=body, headers=KEY)
    assert "retrying" in first.text
    factories.due_now()
    for channel in ("push", "sms", "email"):
        jobs.deliver_channel.call_local(channel)
    assert {row.state for row in factories.deliveries()} == {"sent"}

    again = service.post("/notify/", json=body, headers=KEY)

    assert again.data == first.data


def test_what_would_be_refused_today_is_answered_as_the_first_time(service: FlaskClient, payment: Body) -> None:
    first = service.post("/notify/", json=payment(), headers=KEY)
    db.session.execute(update(Template).values(is_active=False))
    db.session.commit()

    again = service.post("/notify/", json=payment(), headers=KEY)

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert service.post("/notify/", json=payment()).json["code"] == "inactive_template"


def test_the_other_calls_are_done_once_too(any_service: FlaskClient) -> None:
    made = any_service.post("/notify/broadcast/", json={**NOTICE, "send_at": "2027-01-31T09:00:00+05:45"}).json["broadcast_id"]
    any_service.post("/notify/", json={**PAYMENT, "recipient": MAYA})

    for word in ("pause", "resume", "cancel"):
        both(any_service, f"/broadcasts/{made}/{word}/")
    both(any_service, "/inbox/42/read/", {"all": True})
    first, _ = both(any_service, "/recipients/42/token/")
    kept = list(db.session.scalars(select(IdempotencyKey.body)))
    assert first.json["token"] not in str(kept), "what opens an inbox is not kept readable"
    assert any_service.post(f"/broadcasts/{made}/cancel/").status_code == 409


def test_a_refusal_leaves_the_key_free(any_service: FlaskClient) -> None:
    made = any_service.post("/notify/broadcast/", json=NOTICE).json["broadcast_id"]

    assert any_service.post(f"/broadcasts/{made}/resume/", headers=KEY).status_code == 409
    any_service.post(f"/broadcasts/{made}/pause/")

    assert any_service.post(f"/broadcasts/{made}/resume/", headers=KEY).status_code == 200


@pytest.mark.parametrize(("path", "one", "other"), [
    ("/inbox/42/read/", {"all": True}, {"ids": []}),
    ("/notify/broadcast/", NOTICE, {**NOTICE, "audience": "subscribed"}),
    ("/notify/bulk/", {**PAYMENT, "recipients": [MAYA]}, {**PAYMENT, "recipients": [MAYA], "async": False}),
])
def test_another_body_is_refused(service: FlaskClient, path: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    service.put("/recipients/42/", json={})
    service.post(path, json=one, headers=KEY)

    answer = service.post(path, json=other, headers=KEY)

    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_conflict")


def test_sixty_four_calls_that_send_at_once_make_one_message(any_app: Flask, any_service: FlaskClient, payment: Body) -> None:
    answers: list[tuple[int, bytes]] = []
    body = payment(**{"async": False})

    def post() -> None:
        client = any_app.test_client()
        client.environ_base.update(any_service.environ_base)
        answer = client.post("/notify/", json=body, headers=KEY)
        answers.append((answer.status_code, answer.data))
        assert answer.status_code == 200 or answer.headers["Retry-After"] == "1"

    threads = [threading.Thread(target=post) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 64
    assert {status for status, _ in answers} <= {200, 409}
    assert len({data for status, data in answers if status == 200}) == 1
    assert count(Notification) == 1
    assert [len(row.attempts) for row in factories.deliveries() if row.channel != "in_app"] == [1, 1, 1]


class Killed(BaseException):
    """The process ends here."""


def test_a_call_killed_while_it_sent_is_finished_by_its_repeat(
    any_service: FlaskClient, payment: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = payment(**{"async": False})

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deliver, "send", killed)
        with pytest.raises(Killed):
            any_service.post("/notify/", json=body, headers=KEY)
    running = any_service.post("/notify/", json=body, headers=KEY)
    assert (running.status_code, running.json["code"], running.headers["Retry-After"]) == (409, "idempotency_running", "1")
    with db.engine.begin() as connection:  # as the reaper leaves it
        connection.execute(update(Delivery).where(Delivery.state == "sending").values(state="unknown"))

    first, again = (any_service.post("/notify/", json=body, headers=KEY) for _ in range(2))

    assert first.status_code == 200
    assert first.json["status"] == "unknown"
    assert again.data == first.data
    assert count(Notification) == 1


def test_a_pause_killed_before_its_answer_is_answered_later(any_service: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made = any_service.post("/notify/broadcast/", json=NOTICE).json["broadcast_id"]
    path = f"/broadcasts/{made}/pause/"

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "settle", killed)
        with pytest.raises(Killed):
            any_service.post(path, headers=KEY)
    assert any_service.post(path, headers=KEY).json["code"] == "idempotency_running"
    with db.engine.begin() as connection:
        connection.execute(update(IdempotencyKey).values(created_at=db_clock(-idempotency.CLAIM_LASTS - 1)))

    answer = any_service.post(path, headers=KEY)

    assert (answer.status_code, answer.json["status"]) == (200, "paused")
    assert any_service.post(path, headers=KEY).data == answer.data
