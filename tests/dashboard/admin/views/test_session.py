"""Signing in and out, as a browser does it."""

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher

from dashboard import operators
from dashboard.operators import add_operator
from tasks.extensions import db
from tasks.models import AuditEntry, Operator
from tests.dashboard.admin.browsing import Browser, value_of, words

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def stranger(browse: Callable[[str | None], Browser]) -> Browser:
    add_operator("asha@example.org", PASSWORD, "sender")
    return browse(None)


def sign_in(browser: Browser, **fields: str):
    return browser.post("/login/", {"email": "asha@example.org", "password": PASSWORD, **fields})


def test_signing_in_leads_back_to_where_one_wanted_to_go(stranger: Browser) -> None:
    login = stranger.get("/admin/compose/?template=x").headers["Location"]
    wanted = value_of(stranger.get(login).text, "next")

    answer = sign_in(stranger, next=wanted)

    assert answer.headers["Location"] == "/admin/compose/?template=x"
    assert stranger.get("/admin/compose/").status_code == 200
    assert db.session.query(AuditEntry).filter_by(action="login").one().actor == "asha@example.org"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""])
def test_no_other_site_is_ever_led_to(stranger: Browser, target: str) -> None:
    assert sign_in(stranger, next=target).headers["Location"] == "/"


def test_every_refusal_reads_the_same_and_keeps_the_e_mail(stranger: Browser) -> None:
    wrong = sign_in(stranger, password="wrong")
    nobody = sign_in(stranger, email="nobody@example.org")

    assert wrong.status_code == nobody.status_code == 401
    assert words(wrong.text) == words(nobody.text)
    assert "Not signed in" in wrong.text
    assert value_of(wrong.text, "email") == "asha@example.org"
    assert PASSWORD not in wrong.text


def test_a_markup_in_the_e_mail_is_shown_as_text(stranger: Browser) -> None:
    page = sign_in(stranger, email='"><script>alert(1)</script>').text

    assert "<script>alert" not in page


def test_the_browser_tells_the_zone_of_an_account_that_has_none(stranger: Browser) -> None:
    sign_in(stranger, timezone="Asia/Kathmandu")
    assert db.session.query(Operator).one().timezone == "Asia/Kathmandu"

    sign_in(stranger, timezone="Europe/Berlin")
    db.session.expire_all()
    assert db.session.query(Operator).one().timezone == "Asia/Kathmandu"


def test_signing_out_takes_a_press_and_ends_a_copied_session_too(stranger: Browser) -> None:
    sign_in(stranger)
    copied = stranger.client.get_cookie("carillon").value

    assert stranger.get("/logout/").status_code == 405
    assert stranger.post("/logout/").headers["Location"] == "/login/"

    assert stranger.get("/admin/").status_code == 302
    stranger.client.set_cookie("carillon", copied)
    assert stranger.get("/admin/").status_code == 302


def test_whoever_is_signed_in_is_not_asked_again(stranger: Browser) -> None:
    sign_in(stranger)

    assert stranger.get("/login/?next=/admin/audit/").headers["Location"] == "/admin/audit/"
    assert stranger.get("/").headers["Location"] == "/admin/"
