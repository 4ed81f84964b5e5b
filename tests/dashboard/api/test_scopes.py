"""Who may call which address outside the dashboard's pages: one table of all of them, tried with every key."""

import re
import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard import create_app, keys, rotation, tokens
from tasks.extensions import db
from tasks.models import AuditEntry, IdempotencyKey, Notification, Webhook
from tasks.models.words import SCOPES
from tests.dashboard.api.conftest import client_with, seed

Call = tuple[str, str]  # a method and a rule of the url_map

# The scope that each call needs. An address that is in none of these tables fails the first test.
NEEDS: dict[Call, str] = {
    **dict.fromkeys((("POST", "/notify/"), ("POST", "/notify/bulk/"), ("POST", "/notify/<uuid:id>/resend/")), "send"),
    ("POST", "/notify/broadcast/"): "broadcast",
    **{("POST", f"/broadcasts/<uuid:id>/{act}/"): "broadcast" for act in ("pause", "resume", "cancel", "finish")},
    **{("GET", f"/broadcasts/<uuid:id>/{page}"): "read" for page in ("", "finish/", "proof/", "proof/rows/")},
    **{("GET", f"/notify/<uuid:id>/{page}"): "read" for page in ("", "explain/")},
    **dict.fromkeys((("GET", "/templates/"), ("GET", "/templates/<slug>/"), ("GET", "/metrics"), ("POST", "/explain/")), "read"),
    **{(method, "/recipients/<id>/"): "recipients" for method in ("GET", "PUT", "DELETE")},
    ("GET", "/recipients/<id>/export/"): "recipients", ("PUT", "/recipients/<id>/preferences/"): "recipients",
    ("POST", "/presence/"): "recipients",
    ("POST", "/recipients/<id>/token/"): "inbox", ("GET", "/inbox/<id>/"): "inbox",
    **{("POST", f"/inbox/<id>/{act}/"): "inbox" for act in ("read", "unread", "archive", "unarchive", "delete")},
    ("GET", "/keys/"): "keys", ("POST", "/keys/"): "keys",
    **{("POST", f"/keys/<prefix>/{act}/"): "keys" for act in ("rotate", "revoke")},
    ("GET", "/webhooks/"): "webhooks", ("POST", "/webhooks/"): "webhooks", ("GET", "/webhooks/<int:id>/calls/"): "webhooks",
    **{(method, "/webhooks/<int:id>/"): "webhooks" for method in ("GET", "PATCH", "DELETE")},
    **{("POST", f"/webhooks/<int:id>/{act}/"): "webhooks" for act in ("rotate", "test", "calls/<int:call_id>/replay")},
}
OPEN = {("GET", path) for path in ("/", "/healthz", "/readyz", "/openapi.json", "/docs/", "/login/")}
BY_OTHER_MEANS = {("POST", "/receipts/"), ("POST", "/login/"), ("POST", "/logout/")}  # a signature, a password, a session
PAST_THE_GUARD = {200, 204, 404, 422}  # answered by the view itself: there is no such thing, or the body lacks something
PLACES = {"uuid": str(uuid.UUID(int=7)), "int": "7", "id": "nobody", "slug": "nothing", "prefix": "AAAAAAAA"}


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """The whole app: not one address may be missing from the table."""
    return create_app


def address(rule: str) -> str:
    """The rule's address of something that is not there."""
    return re.sub(r"<(?:(\w+):)?(\w+)>", lambda found: PLACES[found[1] or found[2]], rule)


def call(client: FlaskClient, asked: Call, **options: object) -> TestResponse:
    method, rule = asked
    return client.open(address(rule), method=method, json=None if method == "GET" else {}, **options)


def test_every_address_is_in_the_table(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/admin/") and "<path:" not in rule.rule]

    there = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}

    assert there == NEEDS.keys() | OPEN | BY_OTHER_MEANS
    assert set(NEEDS.values()) == set(SCOPES), "a scope that opens nothing, or that does not exist"


@pytest.mark.parametrize("scope", SCOPES)
def test_all_other_scopes_together_do_not_open_what_needs_this_one(app: Flask, scope: str) -> None:
    seed()
    client = client_with(app, *(other for other in SCOPES if other != scope))
    before = marks()

    for asked in (one for one, need in NEEDS.items() if need == scope):
        answer = call(client, asked)

        assert (answer.status_code, answer.json["code"]) == (403, "not_allowed"), asked
        assert f"the scope {scope}" in answer.json["detail"], asked
        assert answer.json["field"] == "Authorization", asked
    assert marks() == before


@pytest.mark.parametrize("scope", SCOPES)
def test_its_scope_alone_opens_it(app: Flask, scope: str) -> None:
    seed()
    client = client_with(app, scope)

    for asked in (one for one, need in NEEDS.items() if need == scope):
        assert call(client, asked).status_code in PAST_THE_GUARD, asked


def test_without_a_live_key_nothing_opens(app: Flask) -> None:
    seed()
    client = app.test_client()
    ended, plaintext = keys.create_key("ended", SCOPES, "test")
    rotation.revoke(ended, "test")
    before = marks()

    for headers in ({}, {"Authorization": f"Bearer {plaintext}"}, {"Authorization": "Bearer crl_abcdefgh_" + "0" * 49}):
        for asked in NEEDS:
            answer = call(client, asked, headers=headers)

            assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer"), asked
    assert marks() == before


def test_a_persons_own_token_opens_their_inbox_and_nothing_else(app: Flask) -> None:
    seed()
    key, _ = keys.create_key("shop", ["inbox"], "test")
    client = app.test_client()

    for asked in NEEDS:
        found = {
            who: call(client, asked, headers={"Authorization": f"Bearer {tokens.issue(key, who)[0]}"}).status_code
            for who in ("nobody", "another")  # "nobody" is whose address is asked
        }

        inbox = asked[1].startswith("/inbox/")
        assert found["another"] == (403 if inbox else 401), asked
        assert (found["nobody"] in PAST_THE_GUARD) if inbox else found["nobody"] == 401, asked


def marks() -> tuple[int, ...]:
    """How many rows a call that gets through would leave."""
    return tuple(db.session.query(table).count() for table in (AuditEntry, IdempotencyKey, Notification, Webhook))
