"""Keys over the API, what they are held to, and how much they may ask."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard import create_app, keys
from tasks.extensions import db
from tasks.models import IdempotencyKey, Notification
from tasks.models.types import utcnow
from tasks.models.words import SCOPES
from tests import factories
from tests.dashboard.api.conftest import MAYA, PAYMENT, client_with, seed
from tests.dashboard.conftest import FreshClient


def carrying(app: Flask, plaintext: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {plaintext}"
    return client


def limited(app: Flask, **limits: Any) -> FlaskClient:
    """A client whose key is held to these limits."""
    return carrying(app, keys.create_key("held", SCOPES, "ann", limits=keys.Limits(**limits))[1])


def test_a_key_makes_rotates_and_revokes_another(app: Flask, service: FlaskClient) -> None:
    made = service.post("/keys/", json={"name": "till", "scopes": ["send"], "kind": "test", "channels": ["sms"]})

    assert made.status_code == 201
    assert {name: made.json[name] for name in ("name", "kind", "scopes", "channels", "state")} == {
        "name": "till", "kind": "test", "scopes": ["send"], "channels": ["sms"], "state": "live"
    }
    till = carrying(app, made.json["key"])
    assert till.post("/notify/", json={**PAYMENT, "recipient": {**MAYA, "channel": "sms"}}).status_code == 202
    rotated = service.post(f"/keys/{made.json['prefix']}/rotate/", json={"overlap": 60})
    assert rotated.status_code == 201
    assert rotated.json["channels"] == ["sms"]
    assert service.post(f"/keys/{made.json['prefix']}/rotate/", json={}).json["code"] == "wrong_state"
    for _ in range(2):
        assert service.post(f"/keys/{rotated.json['prefix']}/revoke/").json["state"] == "revoked"
    assert carrying(app, rotated.json["key"]).get("/keys/").status_code == 401
    listed = service.get("/keys/").json["keys"]
    assert [(one["name"], one["state"]) for one in listed] == [("till", "revoked"), ("till", "live"), ("shop", "live")]
    assert made.json["key"] not in str(listed)
    assert db.session.scalars(select(IdempotencyKey)).all() == []


def test_a_repeat_makes_no_second_key_and_the_first_is_kept_nowhere(any_app: Flask) -> None:
    seed()
    service, asked = client_with(any_app, *SCOPES), {"Idempotency-Key": "till-1"}
    made = service.post("/keys/", json={"name": "till", "scopes": ["send"]}, headers=asked)

    again = service.post("/keys/", json={"name": "till", "scopes": ["send"]}, headers=asked)

    assert (made.status_code, again.status_code, again.json["prefix"]) == (201, 409, made.json["prefix"])
    assert again.json["field"] == "Idempotency-Key"
    other = service.post("/keys/", json={"name": "other", "scopes": ["send"]}, headers=asked)
    assert other.json["code"] == "idempotency_conflict"
    rotate = f"/keys/{made.json['prefix']}/rotate/"
    rotated, repeated = (service.post(rotate, json={}, headers=asked) for _ in range(2))
    assert (rotated.status_code, repeated.status_code, repeated.json["prefix"]) == (201, 409, rotated.json["prefix"])
    ended, twice = (service.post(f"/keys/{rotated.json['prefix']}/revoke/", headers=asked) for _ in range(2))
    assert (ended.status_code, twice.data) == (200, ended.data)
    kept = str(list(db.session.scalars(select(IdempotencyKey.body))))
    assert "crl_" not in kept
    assert made.json["prefix"] in kept
    assert [one["name"] for one in service.get("/keys/").json["keys"]] == ["till", "till", "shop"]


@pytest.mark.parametrize(("body", "status", "words"), [
    ({"scopes": ["send", "broadcast"]}, 403, "broadcast"), ({"scopes": ["send"], "kind": "live"}, 403, "kind live"),
    ({"scopes": ["send"], "channels": ["sms", "email"]}, 403, "channel email"),
    ({"scopes": ["send"], "templates": ["old"]}, 403, "template old"),
    ({"scopes": ["send"], "rate_per_minute": 1_000}, 403, "1000 requests"),
    ({"scopes": ["fly"]}, 403, "fly"), ({"scopes": []}, 422, "scopes"), ({"scopes": ["send"], "expires_at": "soon"}, 422, "zone"),
    ({"scopes": ["send"], "expires_at": "2020-01-01T00:00:00Z"}, 422, "passed"),
])
def test_nobody_gives_more_than_they_have(app: Flask, body: dict[str, Any], status: int, words: str) -> None:
    seed()
    limits = keys.Limits(test=True, templates=("payment_success",), channels=("sms",), rate_per_minute=100)
    service = carrying(app, keys.create_key("held", ["keys", "send"], "ann", limits=limits)[1])

    answer = service.post("/keys/", json={"name": "x", **body})

    assert (answer.status_code, words in answer.json["detail"]) == (status, True), answer.json
    made = service.post("/keys/", json={"name": "x", "scopes": ["send"]}).json
    assert (made["kind"], made["templates"], made["channels"], made["rate_per_minute"]) == (
        "test", ["payment_success"], ["sms"], 100
    )
    other, _ = keys.create_key("free", ["send"], "ann")
    for word in ("revoke", "rotate"):
        assert service.post(f"/keys/{other.prefix}/{word}/", json={}).status_code == 403
    assert service.post("/keys/AAAAAAAA/revoke/").status_code == 404


def test_a_key_that_ends_gives_none_that_lives_longer(app: Flask) -> None:
    seed()
    end = utcnow() + timedelta(hours=1)
    own, plaintext = keys.create_key("till tonight", ["keys", "send"], "ann", expires_at=end)
    service, body = carrying(app, plaintext), {"name": "x", "scopes": ["send"]}
    forever, _ = keys.create_key("for ever", ["send"], "ann")

    assert datetime.fromisoformat(service.post("/keys/", json=body).json["expires_at"]) == end
    for later in (None, (end + timedelta(hours=1)).isoformat()):
        refused = service.post("/keys/", json={**body, "expires_at": later})
        assert (refused.status_code, "a later end" in refused.json["detail"]) == (403, True)
    assert service.post("/keys/", json={**body, "expires_at": (end - timedelta(minutes=1)).isoformat()}).status_code == 201
    assert service.post(f"/keys/{forever.prefix}/rotate/", json={}).status_code == 403
    assert service.post(f"/keys/{own.prefix}/rotate/", json={}).status_code == 201, "and goes on as it did"


def test_a_key_is_held_to_its_templates_and_channels(app: Flask) -> None:
    seed()
    client = limited(app, templates=("payment_success",), channels=("email", "sms"))
    notice = {"template_name": "maintenance_notice", "data": {"date": "x"}}

    calls: list[tuple[str, dict[str, Any]]] = [
        ("/notify/", {**notice, "recipient": MAYA}), ("/notify/broadcast/", {**notice, "audience": "all"}),
        ("/notify/bulk/", {**PAYMENT, "recipients": [MAYA]}), ("/notify/", {**PAYMENT, "recipient": MAYA}),
        ("/notify/", {**PAYMENT, "recipient": MAYA, "dry_run": True}),
        ("/explain/", {"template_name": "payment_success", "recipient": MAYA}),
    ]

    wrong = [client.post(path, json=body) for path, body in calls]

    assert {answer.status_code for answer in wrong} == {403}
    assert "maintenance_notice" in wrong[0].json["detail"]
    assert [wrong[2].json["field"], wrong[2].json["missing"]] == ["/channel", ["push"]]
    assert db.session.scalars(select(Notification)).all() == []
    assert client.post("/notify/", json={**PAYMENT, "recipient": MAYA, "channel": "sms"}).status_code == 202


def test_a_key_is_held_to_them_in_what_others_started_too(any_app: Flask) -> None:
    seed()
    service = client_with(any_app, *SCOPES)
    payment = {**PAYMENT, "audience": "all"}
    paid, noticed = (
        service.post("/notify/broadcast/", json=body).json["broadcast_id"]
        for body in (payment, {"template_name": "maintenance_notice", "data": {"date": "x"}, "audience": "all"})
    )
    client = limited(any_app, templates=("payment_success",), channels=("email", "sms"))

    def press(who: FlaskClient, which: str, action: str) -> int:
        return who.post(f"/broadcasts/{which}/{action}/").status_code

    assert [press(client, noticed, action) for action in ("pause", "resume", "cancel")] == [403, 403, 403]
    assert press(client, paid, "pause") == 200, "stopping rings nothing"
    refused = client.post(f"/broadcasts/{paid}/resume/")
    assert (refused.status_code, refused.json["missing"]) == (403, ["push"])
    assert press(service, paid, "resume") == 200


def test_a_test_key_moves_no_real_broadcast(any_app: Flask) -> None:
    seed()
    service, test = client_with(any_app, *SCOPES), limited(any_app, test=True)
    body = {**PAYMENT, "audience": "all"}
    real, tried = (who.post("/notify/broadcast/", json=body).json["broadcast_id"] for who in (service, test))

    assert {test.post(f"/broadcasts/{real}/{action}/").status_code for action in ("pause", "resume", "cancel")} == {403}
    assert [test.post(f"/broadcasts/{tried}/{action}/").status_code for action in ("pause", "resume", "cancel")] == [200] * 3


def test_a_key_may_ask_so_often(any_app: Flask) -> None:
    client = limited(any_app, rate_per_minute=3)

    answers = [client.get("/keys/") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["RateLimit"] for answer in answers[:3]] == ['"key";r=2;t=20', '"key";r=1;t=40', '"key";r=0;t=60']
    refused = answers[3]
    assert refused.headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert (refused.json["code"], refused.json["violated-policies"]) == ("rate_limited", ["key"])
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.json["request_id"] == refused.headers["X-Request-Id"]


def test_a_limit_holds_across_processes(any_app: Flask, settings: dict[str, object]) -> None:
    client = limited(any_app, rate_per_minute=240)
    other = create_app(any_app.extensions["carillon.settings"])
    other.test_client_class = FreshClient
    second = carrying(other, client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer "))

    found = [one.get("/keys/").status_code for _ in range(130) for one in (client, second)]

    assert 240 <= found.count(200) <= 240 + 20, "what comes back meanwhile"
    with other.app_context():
        db.engine.dispose()


def test_one_person_gets_so_many_messages_an_hour(any_app: Flask) -> None:
    object.__setattr__(any_app.extensions["carillon.settings"], "recipient_rate", 2)
    seed()
    client = client_with(any_app, "send")

    answers = [client.post("/notify/", json={**PAYMENT, "recipient": MAYA}) for _ in range(3)]
    bulk = client.post("/notify/bulk/", json={**PAYMENT, "recipients": [MAYA, {"id": "43"}, {"id": "43"}, {"id": "43"}]})

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json["violated-policies"] == ["recipient"]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 1800
    assert [one.get("error", {}).get("code") for one in bulk.json["results"]] == ["rate_limited", None, None, "rate_limited"]
    assert len(factories.notifications()) == 4


def test_a_bulk_call_counts_by_its_messages(any_app: Flask) -> None:
    object.__setattr__(any_app.extensions["carillon.settings"], "message_rate", 6)
    seed()
    client = limited(any_app, rate_per_minute=100)
    four = {**PAYMENT, "recipients": [*({"id": str(number)} for number in range(4)), {"id": None}]}
    keyed = {"Idempotency-Key": "order-7"}

    assert client.post("/notify/bulk/", json={**four, "dry_run": True}).status_code == 200
    first = client.post("/notify/bulk/", json=four, headers=keyed)
    assert first.headers["RateLimit"] == '"key";r=98;t=2, "messages";r=2;t=40'
    assert client.post("/notify/bulk/", json=four, headers=keyed).data == first.data, "a repeat costs nothing"
    refused = client.post("/notify/bulk/", json=four)
    assert (refused.status_code, refused.json["violated-policies"]) == (429, ["messages"])
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    single = [client.post("/notify/", json={**PAYMENT, "recipient": MAYA}).status_code for _ in range(3)]
    assert single == [202, 202, 429], "who asked for too many shut nobody out"
    assert client.post("/notify/bulk/", json=four, headers=keyed).data == first.data, "nor is a repeat refused"
    assert len(factories.notifications()) == 6


def test_more_at_once_than_a_minute_has_is_no_matter_of_waiting(app: Flask) -> None:
    object.__setattr__(app.extensions["carillon.settings"], "message_rate", 2)
    seed()

    answer = client_with(app, "send").post("/notify/bulk/", json={**PAYMENT, "recipients": [{"id": str(n)} for n in range(3)]})

    assert (answer.status_code, answer.json["field"]) == (422, "/recipients")
    assert "MESSAGE_RATE" in answer.json["remedy"]
