"""Requests of the tests run as in the server: each with an app context of its own."""

import contextvars
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient


class FreshClient(FlaskClient):
    """A test client whose requests do not see the context that the `app` fixture pushed.

    Flask would reuse that one for every request: `g`, the signed-in operator and the database session would leak from one
    request into the next.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return contextvars.Context().run(super().open, *args, **kwargs)


@pytest.fixture
def app(app: Flask) -> Flask:
    app.test_client_class = FreshClient
    return app


@pytest.fixture
def any_app(any_app: Flask) -> Flask:
    any_app.test_client_class = FreshClient
    return any_app
