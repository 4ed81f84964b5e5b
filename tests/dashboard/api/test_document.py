"""The OpenAPI document and the page that shows it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import auth, create_app


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """The whole app: a page that a key opens would have to be documented too."""
    return create_app


def document(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/openapi.json").json
    return found


def test_every_route_for_keys_is_documented_with_its_errors(app: Flask) -> None:
    paths = document(app)["paths"]

    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            access = auth.access_of(rule.endpoint)
            if access is None or access.kind != "key":
                continue
            path = re.sub(r"<(?:[^<:]+:)?(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                operation = paths[path][method.lower()]
                assert operation["summary"], path
                assert operation["security"], path
                assert {"401", "403", "503"} <= set(operation["responses"]), path
                assert "application/problem+json" in operation["responses"]["401"]["content"], path
                if "requestBody" in operation:
                    assert {"413", "415", "422"} <= set(operation["responses"]), path


# What only asks, and what is signed by a provider: the same receipt twice changes nothing.
WITHOUT_A_KEY = {"/explain/", "/presence/", "/receipts/"}


def test_every_post_takes_an_idempotency_key(app: Flask) -> None:
    posts = {path: operations["post"] for path, operations in document(app)["paths"].items() if "post" in operations}

    taking = {path for path, one in posts.items() if "Idempotency-Key" in {named["name"] for named in one.get("parameters", ())}}

    assert set(posts) - taking == WITHOUT_A_KEY
    assert all("409" in posts[path]["responses"] and "422" in posts[path]["responses"] for path in taking)


def test_the_document_is_openapi_3_1_with_its_key(app: Flask) -> None:
    found = document(app)

    assert found["openapi"].startswith("3.1")
    assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    names = set(re.findall(r'#/components/schemas/([\w.]+)"', app.test_client().get("/openapi.json").text))
    assert names <= set(found["components"]["schemas"]), "a reference leads nowhere"


def test_the_contracts_words_stand_in_the_document(app: Flask) -> None:
    schemas = document(app)["components"]["schemas"]

    assert set(schemas["NotifyBody"]["properties"]) >= {"template_name", "data", "recipient", "channel", "async"}
    assert set(schemas["NotifyBody"]["required"]) == {"template_name", "recipient"}
    assert set(schemas["RecipientBody"]["properties"]) >= {"id", "email", "phone", "tokens", "channel", "locale"}
    assert set(schemas["NotifyAnswer"]["properties"]) == {"notification_id", "status", "deliveries"}
    assert set(schemas["BroadcastBody"]["properties"]) >= {"template_name", "data", "audience"}
    assert set(schemas["BroadcastAnswer"]["properties"]) == {"broadcast_id", "status", "is_broadcast"}


def test_the_page_loads_nothing_from_elsewhere(app: Flask) -> None:
    client: FlaskClient = app.test_client()

    page = client.get("/docs/")

    assert page.status_code == 200
    nonce = re.search(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])
    assert nonce
    assert all(f'nonce="{nonce[1]}"' in tag for tag in re.findall(r"<script[^>]*>", page.text))
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert linked
    for address in linked:
        assert address.startswith("/docs/static/")
        with client.get(address) as file:
            assert file.status_code == 200
