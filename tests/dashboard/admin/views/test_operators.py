"""Accounts: made and changed by administrators, who cannot lock themselves out."""

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher

from dashboard import operators
from dashboard.operators import verify
from tasks.extensions import db
from tasks.models import AuditEntry, Operator
from tests.dashboard.admin.browsing import Browser, error_of, value_of

NEW = {"email": "New@Example.org", "name": "New", "role": "sender", "password": "correct horse", "is_active": "y"}


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def account(email: str) -> Operator:
    db.session.expire_all()
    return db.session.query(Operator).filter_by(email=email).one()


def test_a_new_account_can_sign_in(admin: Browser) -> None:
    assert admin.post("/admin/operators/new/", NEW).status_code == 302

    assert verify("new@example.org", "correct horse") is not None
    assert [row.action for row in db.session.query(AuditEntry)] == ["create"]


@pytest.mark.parametrize(("field", "value"), [
    ("email", "nobody"), ("password", "short"), ("role", "king"), ("email", "admin@example.org"),
])
def test_an_account_that_cannot_be_is_refused(admin: Browser, field: str, value: str) -> None:
    answer = admin.post("/admin/operators/new/", {**NEW, field: value})

    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert "correct horse" not in answer.text
    assert db.session.query(Operator).count() == 1


def test_switching_an_account_off_ends_its_sessions(admin: Browser, browse: Callable[[str], Browser]) -> None:
    other = browse("viewer")
    row = account(other.email)

    admin.post(f"/admin/operators/edit/?id={row.id}", {"email": row.email, "role": "viewer"})

    assert other.get("/admin/").status_code == 302
    assert db.session.query(AuditEntry).one().changes["is_active"] == [True, False]


def test_a_new_password_is_set_and_never_written_down(admin: Browser, browse: Callable[[str], Browser]) -> None:
    row = account(browse("viewer").email)
    fields = {"email": row.email, "role": "editor", "is_active": "y", "password": "correct horse"}

    admin.post(f"/admin/operators/edit/?id={row.id}", fields)

    assert verify(row.email, "correct horse") is not None
    assert account(row.email).role == "editor"
    assert "correct horse" not in str([entry.changes for entry in db.session.query(AuditEntry)])


@pytest.mark.parametrize("fields", [{"role": "viewer", "is_active": "y"}, {"role": "admin"}])
def test_nobody_takes_their_own_role_away(admin: Browser, fields: dict[str, str]) -> None:
    row = account(admin.email)

    answer = admin.post(f"/admin/operators/edit/?id={row.id}", {"email": row.email, **fields})

    assert answer.status_code == 422
    assert "your own account" in error_of(answer.text, "role")
    assert (account(admin.email).role, account(admin.email).is_active) == ("admin", True)


def test_an_e_mail_cannot_be_changed_by_a_forged_form(admin: Browser, browse: Callable[[str], Browser]) -> None:
    row = account(browse("viewer").email)
    forged = {"email": "thief@example.org", "role": "viewer", "is_active": "y", "session_epoch": "9"}

    admin.post(f"/admin/operators/edit/?id={row.id}", forged)

    assert account("viewer@example.org").session_epoch == 1
    assert value_of(admin.get(f"/admin/operators/edit/?id={row.id}").text, "email") == "viewer@example.org"
