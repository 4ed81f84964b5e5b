"""A service's view of Carillon: templates and rules as in the demo, and a client that carries a key."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import admin, create_app, keys
from tasks import templates
from tasks.extensions import db
from tasks.models import Rule, Segment
from tasks.models.words import SCOPES

MAYA = {"id": "42", "email": "maya@example.org", "phone": "+9779841234567", "tokens": ["token-of-maya"], "country": "NP"}
PAYMENT = {"template_name": "payment_success", "data": {"amount": 1000, "gateway": "eSewa"}}


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Flask]:
    """The app without the dashboard's pages: to make those takes three times as long as all the rest."""
    monkeypatch.setattr(admin, "init_admin", lambda app: None)
    return create_app


def seed() -> None:
    """Two templates in use and one switched off, a rule, a segment."""
    templates.create(
        "payment_success", "Payment", "payment_success", title="Payment Successful - ₹{{ amount }}",
        message="You paid {{ amount }} by {{ gateway }}.",
    )
    templates.create("maintenance_notice", "Maintenance", "maintenance", title="Maintenance", message="On {{ date }}.")
    templates.create("old", "Old", "maintenance", title="Old", message="Old", is_active=False)
    db.session.add(Rule(notification_type="payment_success", channels=["push", "sms", "email"]))
    only_nepal = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}
    db.session.add(Segment(slug="nepal", name="Nepal", definition=only_nepal))
    db.session.commit()


def client_with(app: Flask, *scopes: str) -> FlaskClient:
    """A client that carries a key with these scopes."""
    _, plaintext = keys.create_key("shop", scopes, "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {plaintext}"
    return client


@pytest.fixture
def service(app: Flask) -> FlaskClient:
    """A client with every scope, on SQLite."""
    seed()
    return client_with(app, *SCOPES)


@pytest.fixture
def any_service(any_app: Flask) -> FlaskClient:
    """The same on SQLite and on PostgreSQL."""
    seed()
    return client_with(any_app, *SCOPES)


@pytest.fixture
def payment() -> Callable[..., dict[str, Any]]:
    """The body of a payment's message; `recipient` fields and others go over it."""

    def body(recipient: dict[str, Any] | None = None, **over: Any) -> dict[str, Any]:
        return {**PAYMENT, "recipient": MAYA if recipient is None else recipient, **over}

    return body
