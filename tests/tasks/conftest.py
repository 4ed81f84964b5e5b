"""The sender is tested as a worker runs it: a bare app, without dashboard, API and sockets. It is eight times quicker, too."""

from collections.abc import Callable

import pytest
from flask import Flask

from tasks.config import load
from tasks.worker import worker_app


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """A bare app that can send."""
    return lambda **settings: worker_app(load(**settings))
