"""One's own account."""

import pytest
from argon2 import PasswordHasher

from dashboard import operators
from dashboard.operators import set_password, verify
from tasks.extensions import db
from tasks.models import Operator
from tests.dashboard.admin.browsing import Browser, error_of, value_of

OLD, NEW = "correct horse battery", "a staple of another kind"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def own(app, browse) -> Browser:
    browse("viewer")
    set_password(db.session.query(Operator).one(), OLD)
    return browse("viewer")  # a new session: the password's change ended the first


def change(browser: Browser, current: str = OLD, new: str = NEW, again: str = NEW):
    return browser.post("/admin/profile/password/", {"current": current, "new": new, "again": again})


def test_times_are_shown_in_the_zone_that_was_chosen(own: Browser) -> None:
    assert own.post("/admin/profile/about/", {"name": "Asha", "timezone": "Europe/Berlin"}).status_code == 302

    page = own.get("/admin/profile/").text
    assert "Times are in Europe/Berlin (UTC+0" in page
    assert value_of(page, "name") == "Asha"


def test_a_zone_that_is_none_is_refused_and_the_name_kept(own: Browser) -> None:
    answer = own.post("/admin/profile/about/", {"name": "Asha", "timezone": "../../etc/passwd"})

    assert answer.status_code == 422
    assert "no such zone" in error_of(answer.text, "timezone")
    assert value_of(answer.text, "name") == "Asha"


def test_a_new_password_ends_the_other_sessions_and_not_this_one(own: Browser, browse) -> None:
    other = browse("viewer")

    assert change(own).status_code == 302

    assert own.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302
    assert verify(own.email, NEW) is not None


@pytest.mark.parametrize(("field", "given"), [
    ("current", {"current": "wrong"}), ("new", {"new": "short", "again": "short"}), ("again", {"again": "x"}),
])
def test_what_is_wrong_stands_beside_its_field(own: Browser, field: str, given: dict[str, str]) -> None:
    answer = change(own, **given)

    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert verify(own.email, OLD) is not None


def test_colours_and_keys_are_the_accounts_own(admin: Browser) -> None:
    assert "data-keys-open" in admin.get("/admin/").text

    admin.post("/admin/profile/about/", {"name": "A", "timezone": "", "theme": "dark"})

    page = admin.get("/admin/").text
    assert 'data-theme="dark"' in page
    assert "keys.js" not in page


def test_the_switch_keeps_the_colours_and_refuses_others(admin: Browser) -> None:
    assert admin.post("/admin/profile/theme/", {"theme": "light"}).status_code == 204
    assert 'data-theme="light"' in admin.get("/admin/rules/").text

    assert admin.post("/admin/profile/theme/", {"theme": "pink"}).status_code == 422
    assert admin.post("/admin/profile/theme/", {"theme": ""}).status_code == 204
    assert "data-theme=" not in admin.get("/admin/rules/").text.partition("<head>")[0]
