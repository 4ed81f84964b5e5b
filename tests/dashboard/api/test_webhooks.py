"""Webhooks and receipts over HTTP."""

import json
import time
import uuid

import pytest

from dashboard import keys
from tasks import notify
from tasks.extensions import db
from tasks.models import Delivery, WebhookCall
from tasks.webhooks import calling, signing
from tests import factories
from tests.peers.webhook_receiver import WebhookReceiver

SECRET = signing.new_secret()


@pytest.fixture
def settings():
    return {"webhook_private": True, "receipts_secret": SECRET}


@pytest.fixture
def client(app):
    _, secret = keys.create_key("shop", ["webhooks"], "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def test_made_listed_changed_tested_replayed_and_deleted(client):
    with WebhookReceiver() as receiver:
        made = client.post("/webhooks/", json={"url": receiver.url, "events": ["webhook.test"], "description": "the shop"})
        assert made.status_code == 201
        receiver.secrets.append(made.json["secret"])
        address = f"/webhooks/{made.json['id']}/"
        assert client.get("/webhooks/").json["webhooks"] == [client.get(address).json]
        assert "secret" not in client.get(address).json
        assert client.post(f"{address}test/").status_code == 202
        calling.call_due(lambda: False)
        [call] = client.get(f"{address}calls/").json["calls"]
        assert (call["event"], call["state"], call["status"], call["attempts"]) == ("webhook.test", "sent", 204, 1)
        assert client.post(f"{address}calls/{call['id']}/replay/").status_code == 202
        calling.call_due(lambda: False)
        assert [event["type"] for event in receiver.events] == ["webhook.test"] * 2
        assert client.post(f"{address}calls/{call['id'] + 1}/replay/").json["code"] == "unknown_webhook"
        assert client.post(f"{address}rotate/").json["secret"] != made.json["secret"]
        assert client.patch(address, json={"is_active": False}).json["is_active"] is False
        assert client.delete(address).status_code == 204
        assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "/url"), ({"url": "ftp://x.example"}, "/url"), ({"url": "https://a:b@x.example"}, "/url"),
        ({"url": "x" * 2001}, "/url"),
        ({"url": "https://x.example", "events": ["nothing.such"]}, "/events"), ({"url": "https://x.example", "more": 1}, "/more"),
    ],
)
def test_bad_input_is_named(client, body, field):
    answer = client.post("/webhooks/", json=body)
    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert client.get("/webhooks/").json["webhooks"] == []


def test_another_scope_does_not_open_it(app):
    _, secret = keys.create_key("other", ["send"], "test")
    assert app.test_client().get("/webhooks/", headers={"Authorization": f"Bearer {secret}"}).status_code == 403


class TestPrivateNetworksAreClosed:
    @pytest.fixture
    def settings(self):
        return {}

    @pytest.mark.parametrize("url", ["http://x.example/", "https://localhost/", "http://127.0.0.1:1/"])
    def test_at_once(self, client, url):
        assert client.post("/webhooks/", json={"url": url}).json["field"] == "/url"

    @pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]:1/"])
    def test_at_the_latest_when_it_is_called(self, client, url):
        made = client.post("/webhooks/", json={"url": url})
        if made.status_code == 201:
            client.post(f"/webhooks/{made.json['id']}/test/")
            calling.call_due(lambda: False)
            assert "cannot be called" in db.session.query(WebhookCall).one().answer


def receipts(app, *entries, secret=SECRET, at=0, change=b""):
    body = json.dumps({"receipts": list(entries)}).encode()
    headers = signing.headers([secret], "evt_1", int(time.time()) + at, body)
    return app.test_client().post("/receipts/", data=body + change, headers=headers, content_type="application/json")


@pytest.fixture
def email(app):
    factories.template()
    factories.rule()
    sent = notify({"id": "42", "email": "asha@example.org"}, "payment_success", amount=5)
    return next(kept for kept in sent.deliveries if kept.channel == "email")


def state_of(delivery):
    db.session.expire_all()
    row = db.session.get(Delivery, delivery.pk)
    return row.state, row.reason


def test_receipts_move_forward_only(app, email):
    said = {"delivery_id": str(email.id), "status": "delivered"}
    assert receipts(app, said).json == {"changed": 1, "ignored": 0}
    assert state_of(email) == ("delivered", "")
    for status in ("bounced", "delivered"):
        assert receipts(app, {**said, "status": status}).json == {"changed": 0, "ignored": 1}
    assert state_of(email) == ("delivered", "")


def test_a_bounce_says_why(app, email):
    said = {"delivery_id": str(email.id), "status": "bounced", "reason": "mailbox_full", "detail": "552 quota"}
    assert receipts(app, said, said).json == {"changed": 1, "ignored": 1}
    assert state_of(email) == ("bounced", "mailbox_full")


def test_a_receipt_for_a_queued_or_unknown_message_changes_nothing(app, email):
    waiting = notify({"id": "43", "email": "b@example.org"}, "payment_success", async_send=True, amount=5)
    assert waiting
    queued = next(row for row in factories.deliveries("email") if row.state == "queued")
    entries = [{"delivery_id": str(one), "status": "bounced"} for one in (queued.id, uuid.uuid4())]
    assert receipts(app, *entries).json == {"changed": 0, "ignored": 2}
    assert state_of(queued) == ("queued", "")


@pytest.mark.parametrize("wrong", [{"secret": signing.new_secret()}, {"at": -600}, {"at": 600}, {"change": b" "}])
def test_what_is_not_signed_now_by_the_secret_is_refused(app, email, wrong):
    answer = receipts(app, {"delivery_id": str(email.id), "status": "bounced"}, **wrong)
    assert answer.status_code == 401
    assert state_of(email) == ("sent", "")


@pytest.mark.parametrize("moment", ["9" * 5_000, "٣", "-1", "1e3"])
def test_a_moment_that_is_none_is_refused(app, moment):
    headers = {**signing.headers([SECRET], "evt_1", 1, b"{}"), "webhook-timestamp": moment}

    answer = app.test_client().post("/receipts/", data=b"{}", headers=headers, content_type="application/json")

    assert (answer.status_code, answer.json["field"]) == (401, "webhook-timestamp")


def test_without_a_signature_or_a_secret_nobody_gets_in(app):
    assert app.test_client().post("/receipts/", json={"receipts": []}).status_code == 401
