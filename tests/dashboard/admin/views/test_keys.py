"""API keys: shown once, revoked for good."""

from collections.abc import Callable

import pytest

from dashboard.keys import find_key
from tasks.extensions import db
from tasks.models import ApiKey, AuditEntry
from tests.dashboard.admin.browsing import Browser, error_of

KEY = {"name": "Shop", "scopes": ["send", "read"], "kind": "live", "channels": ["push", "sms", "email"]}


def make(browser: Browser, **fields: object):
    return browser.post("/admin/keys/new/", {**KEY, **fields})


def shown(page: str) -> str:
    return page.partition("data-secret>")[2].partition("<")[0]


def test_the_key_is_on_the_answer_and_nowhere_else(admin: Browser) -> None:
    answer = make(admin)

    key = shown(answer.text)
    assert find_key(key) is not None
    assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/admin/keys/", "/admin/audit/", "/admin/"):
        assert key not in admin.get(path).text
    assert db.session.query(ApiKey).one().scopes == ["send", "read"]


@pytest.mark.parametrize(("field", "value"), [
    ("name", ""), ("scopes", []), ("scopes", ["rule the world"]), ("expires_at", "2001-01-01T00:00"),
])
def test_a_key_that_could_do_nothing_is_not_made(admin: Browser, field: str, value: object) -> None:
    answer = make(admin, **{field: value})

    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert db.session.query(ApiKey).count() == 0


def test_a_revoked_key_opens_nothing(admin: Browser) -> None:
    key = shown(make(admin).text)
    row = db.session.query(ApiKey).one()
    assert 'data-confirm="Revoke the key' in admin.get("/admin/keys/").text

    admin.post("/admin/keys/revoke/", {"id": str(row.id)})

    assert find_key(key) is None
    assert db.session.query(AuditEntry).filter_by(action="revoke").one().actor == admin.email
    assert "Revoked" in admin.get("/admin/keys/").text


def test_only_administrators_see_keys(browse: Callable[[str], Browser]) -> None:
    assert "API keys" not in browse("sender").get("/admin/").text


def test_a_rotated_key_and_its_next_work_side_by_side(admin: Browser) -> None:
    old = shown(make(admin, kind="test", channels=["sms"], templates="", rate_per_minute="60").text)
    row = db.session.query(ApiKey).one()
    assert (row.kind, row.channels, row.templates, row.rate_per_minute) == ("test", ["sms"], None, 60)

    new = shown(admin.post("/admin/keys/rotate/", {"id": str(row.id)}).text)

    assert {find_key(key).kind for key in (old, new)} == {"test"}
    page = admin.get("/admin/keys/").text
    assert page.count('title="Sent with') == 0
    assert page.count(">Test<") == 2
    again = admin.post("/admin/keys/rotate/", {"id": str(row.id)}, follow_redirects=True)
    assert "was replaced by" in again.text


@pytest.mark.parametrize(("field", "value"), [("templates", "nothing"), ("rate_per_minute", "many"), ("rate_per_minute", "0")])
def test_a_limit_that_is_none_is_said_beside_its_field(admin: Browser, field: str, value: str) -> None:
    assert error_of(make(admin, **{field: value}).text, field)
    assert db.session.query(ApiKey).count() == 0
