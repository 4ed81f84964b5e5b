"""The JSON API: one resource per file, documented at /openapi.json and /docs/."""

from typing import Any

from flask import Flask
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from dashboard.api import (
    broadcasts,
    bulk,
    docs,
    explanations,
    health,
    inbox,
    keys,
    metrics,
    notify,
    preferences,
    presence,
    proof,
    receipts,
    recipients,
    resend,
    rounds,
    templates,
    webhooks,
)
from dashboard.api.body import StrictRequest
from dashboard.api.repeats import init_repeats
from dashboard.api.resource import SECURITY_SCHEMES
from dashboard.api.validation import refuse_body

VERSION = "0.1.0"
ABOUT = (
    "Send messages to people on every channel they have. Every call carries `Authorization: Bearer crl_...`; every "
    "error is `application/problem+json` with a stable `code`, the `field` at fault and the `remedy`. Send an "
    "`Idempotency-Key` with each POST: a repeat gets the first answer again, and nobody a message twice."
)
RESOURCES = (
    notify.api, bulk.api, explanations.api, broadcasts.api, recipients.api, preferences.api, presence.api, inbox.api, health.api,
    keys.api, metrics.api, webhooks.api, receipts.api, rounds.api, proof.api, resend.api, templates.api,
)


def make_app(name: str, **options: Any) -> OpenAPI:
    """A Flask app that documents its API routes. `options` go to Flask."""
    app = OpenAPI(
        name, info=Info(title="Carillon", version=VERSION, description=ABOUT), security_schemes=SECURITY_SCHEMES,
        validation_error_callback=refuse_body, doc_ui=False, **options,
    )
    app.request_class = StrictRequest
    app.json.sort_keys = False  # type: ignore[attr-defined]  # answers read in the order they are documented
    return app


def init_api(app: Flask) -> None:
    """Put the API's resources on `app`, which `make_app` made."""
    assert isinstance(app, OpenAPI)
    init_repeats(app)
    for resource in RESOURCES:
        app.register_api(resource)
    app.register_blueprint(docs.pages)
