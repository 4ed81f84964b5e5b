"""Fixtures of the dashboard's pages."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.dashboard.admin.browsing import Browser


@pytest.fixture
def browse(app: Flask) -> Callable[[str | None], Browser]:
    """browse(role): a browser signed in with that role; browse(None): a stranger's."""
    return lambda role: Browser(app, role)


@pytest.fixture
def admin(browse: Callable[[str | None], Browser]) -> Browser:
    """An administrator's browser."""
    return browse("admin")
