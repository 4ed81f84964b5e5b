"""The samples of /docs/: every body has one, and each is taken as it stands on the demo's data."""

import json
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import keys
from dashboard.api.samples import PERSON, SAMPLES
from dashboard.demo.load import load
from tasks.models.words import SCOPES
from tasks.webhooks import signing
from tests.dashboard.api.test_rounds import completed

SECRET = signing.new_secret()
OPERATIONS = [(operation, words) for operation, shown in SAMPLES.items() for words in shown]


@pytest.fixture
def settings(settings: dict[str, object]) -> dict[str, object]:
    return {**settings, "receipts_secret": SECRET}


@pytest.fixture
def demo(app: Flask) -> FlaskClient:
    """A client with every scope, on the demo's data and the samples' person."""
    load()
    _, plaintext = keys.create_key("docs", SCOPES, "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {plaintext}"
    client.put(f"/recipients/{PERSON}/", json={"email": "maya@example.org"})
    return client


def operations(client: FlaskClient) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every documented call, by its name."""
    paths = client.get("/openapi.json").json["paths"]
    return {one["operationId"]: (method, path, one) for path, every in paths.items() for method, one in every.items()}


def made(client: FlaskClient, path: str) -> dict[str, str]:
    """What the address names, made just now: a message, a completed broadcast, a key, a webhook."""
    if path.startswith("/notify/{id}"):
        body = SAMPLES["notifications_send"]["On one channel, with the results"]
        return {"id": client.post("/notify/", json=body).json["notification_id"]}
    if path.startswith("/broadcasts/"):
        return {"id": completed(client, {"ids": [0, 1, 2, 3]})}
    if path.startswith("/keys/{"):
        return {"prefix": client.post("/keys/", json={"name": "x", "scopes": ["send"]}).json["prefix"]}
    if path.startswith("/webhooks/{"):
        return {"id": client.post("/webhooks/", json={"url": "https://example.com/"}).json["id"]}
    return {"id": PERSON}


def test_every_body_has_a_sample_and_every_sample_a_body(demo: FlaskClient) -> None:
    documented = operations(demo)

    assert {name for name, (_, _, one) in documented.items() if "requestBody" in one} == set(SAMPLES)
    for name, shown in SAMPLES.items():
        content = documented[name][2]["requestBody"]["content"]["application/json"]
        assert {words: one["value"] for words, one in content["examples"].items()} == shown


@pytest.mark.parametrize(("operation", "words"), OPERATIONS)
def test_a_sample_is_taken(demo: FlaskClient, operation: str, words: str) -> None:
    method, path, _ = operations(demo)[operation]
    body = json.dumps(SAMPLES[operation][words]).encode()
    signed = signing.headers([SECRET], "evt_1", int(time.time()), body)

    answer = demo.open(
        path.format(**made(demo, path)), method=method.upper(), data=body, content_type="application/json", headers=signed
    )

    assert answer.status_code < 300, answer.text


def test_the_first_sample_of_a_broadcast_sends_nothing(demo: FlaskClient) -> None:
    first = next(iter(SAMPLES["broadcasts_send"].values()))

    assert first["dry_run"] is True, "whoever tries the page out presses Execute on it"
