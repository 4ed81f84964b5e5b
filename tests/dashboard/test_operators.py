"""Dashboard accounts: who gets in, who does not, and what a stranger can find out (nothing)."""

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select, update

from dashboard import operators
from dashboard.limits import Failures
from tasks.errors import AlreadyExists, InvalidOption
from tasks.extensions import db
from tasks.models import AuditEntry, Operator
from tasks.models.types import utcnow
from tests.tasks.counting import statements

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm with small parameters: what is tested is not argon2."""
    monkeypatch.setattr(operators, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    operators._nobodys_hash.cache_clear()
    operators.failures.forget()


def reload(row: Operator) -> Operator:
    db.session.expire_all()
    return db.session.get_one(Operator, row.id)


def test_the_right_password_gets_in_and_is_kept_as_argon2id(any_app: Flask) -> None:
    row = operators.add_operator(" Ann@Example.org ", PASSWORD, "sender", name="Ann")

    found = operators.verify("ANN@example.org", PASSWORD)

    assert found is not None
    assert (found.id, found.email, found.role, found.failed_logins) == (row.id, "ann@example.org", "sender", 0)
    assert found.last_login_at is not None
    assert found.password_hash.startswith("$argon2id$")
    assert db.session.scalars(select(AuditEntry)).one().action == "create"
    assert operators.any_operator()


@pytest.mark.parametrize(("email", "password"), [
    ("ann@example.org", "wrong"), ("ann@example.org", ""), ("nobody@example.org", PASSWORD), ("", PASSWORD),
    ("ann@example.org\x00", PASSWORD), ("' or 1=1 --", PASSWORD), ("ann@example.org", PASSWORD + "x" * 2_000),
])
def test_anything_else_gets_the_same_nothing(any_app: Flask, email: str, password: str) -> None:
    operators.add_operator("ann@example.org", PASSWORD, "admin")

    assert operators.verify(email, password) is None


def test_an_account_switched_off_does_not_get_in(app: Flask) -> None:
    row = operators.add_operator("ann@example.org", PASSWORD, "admin")
    row.is_active = False
    db.session.commit()

    assert operators.verify("ann@example.org", PASSWORD) is None


def test_five_wrong_passwords_make_the_account_rest_longer_each_time(any_app: Flask) -> None:
    row = operators.add_operator("ann@example.org", PASSWORD, "admin")
    for _ in range(4):
        operators.verify("ann@example.org", "wrong")
    assert reload(row).locked_until is None

    rests = []
    for _ in range(7):
        operators.verify("ann@example.org", "wrong")
        rests.append((reload(row).locked_until - utcnow()).total_seconds())
        assert operators.verify("ann@example.org", PASSWORD) is None, "the right password got in during the rest"
        db.session.execute(update(Operator).values(locked_until=utcnow() - timedelta(seconds=1)))
        db.session.commit()

    assert [round(rest / 30) for rest in rests] == [1, 2, 4, 8, 16, 30, 30]
    assert operators.verify("ann@example.org", PASSWORD) is not None
    assert (reload(row).failed_logins, reload(row).locked_until) == (0, None)


def test_attempts_during_a_rest_do_not_lengthen_it(app: Flask) -> None:
    row = operators.add_operator("ann@example.org", PASSWORD, "admin")
    for _ in range(5):
        operators.verify("ann@example.org", "wrong")
    until = reload(row).locked_until

    for _ in range(10):
        operators.verify("ann@example.org", "wrong")

    assert (reload(row).locked_until, reload(row).failed_logins) == (until, 5)


def test_guesses_at_the_same_moment_do_not_get_past_the_limit(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    operators.add_operator("ann@example.org", PASSWORD, "admin")
    looked_at = []
    judge = operators._matches

    def counting(known: str, password: str) -> bool:
        if known != operators._nobodys_hash():
            looked_at.append(password)
        return judge(known, password)

    monkeypatch.setattr(operators, "_matches", counting)

    def guess(number: int) -> None:
        with any_app.app_context():
            operators.verify("ann@example.org", f"guess {number}")

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looked_at) == operators.FREE_TRIES


def test_an_unknown_account_costs_the_same_hash_and_the_same_write(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    # Counted, not timed: equal work is what makes the times equal, and no load on the machine changes it.
    hashed: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            hashed.append("verified")
            return super().verify(hash, password)

    monkeypatch.setattr(operators, "hasher", Counting(time_cost=2, memory_cost=16_384, parallelism=1))
    operators.add_operator("ann@example.org", PASSWORD, "admin")

    def work(email: str) -> tuple[int, int]:
        hashed.clear()
        with statements() as seen:
            assert operators.verify(email, "wrong") is None
        return len(hashed), len([one for one in seen if one.startswith("UPDATE")])

    known, unknown = work("ann@example.org"), work("nobody@example.org")

    assert known[0] == unknown[0] == 1
    assert known[1] == unknown[1]


def test_an_address_that_fails_everywhere_is_shut_out_and_nobody_else(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "failures", Failures(10, 600))
    operators.add_operator("ann@example.org", PASSWORD, "admin")

    def attempt(email: str, address: str) -> bool:
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            return operators.verify(email, PASSWORD) is not None

    assert attempt("ann@example.org", "203.0.113.9")
    for number in range(10):
        attempt(f"guess{number}@example.org", "203.0.113.9")

    assert not attempt("ann@example.org", "203.0.113.9")
    assert attempt("ann@example.org", "198.51.100.1")


def test_a_hash_of_old_parameters_is_rewritten_at_login(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    row = operators.add_operator("ann@example.org", PASSWORD, "admin")
    old = row.password_hash
    monkeypatch.setattr(operators, "hasher", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))

    assert operators.verify("ann@example.org", PASSWORD) is not None

    new = reload(row).password_hash
    assert new != old
    assert "t=2" in new
    assert operators.verify("ann@example.org", PASSWORD) is not None


def test_a_new_password_ends_the_sessions_and_the_rest(app: Flask) -> None:
    row = operators.add_operator("ann@example.org", PASSWORD, "admin")
    for _ in range(5):
        operators.verify("ann@example.org", "wrong")
    epoch = reload(row).session_epoch

    operators.set_password(reload(row), "another long password")

    assert reload(row).session_epoch == epoch + 1
    assert operators.verify("ann@example.org", PASSWORD) is None
    assert operators.verify("ann@example.org", "another long password") is not None
    assert "another long password" not in str([entry.changes for entry in db.session.scalars(select(AuditEntry))])


@pytest.mark.parametrize(("email", "password", "role", "field"), [
    ("ann", PASSWORD, "admin", "email"), ("", PASSWORD, "admin", "email"), ("a b@example.org", PASSWORD, "admin", "email"),
    ("ann@example.org", "short", "admin", "password"), ("ann@example.org", "x" * 1_025, "admin", "password"),
    ("ann@example.org", PASSWORD, "god", "role"),
])
def test_what_an_account_cannot_be(app: Flask, email: str, password: str, role: str, field: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        operators.add_operator(email, password, role)

    assert caught.value.field == field
    assert caught.value.remedy
    assert not operators.any_operator()


def test_one_account_an_address(app: Flask) -> None:
    operators.add_operator("ann@example.org", PASSWORD, "admin")

    with pytest.raises(AlreadyExists):
        operators.add_operator("ANN@example.org", PASSWORD, "viewer")


def test_of_two_administrators_who_demote_each_other_at_once_one_stays(any_app: Flask) -> None:
    accounts = [operators.add_operator(f"{name}@example.org", "correct horse", "admin") for name in ("asha", "bina")]
    pairs = [(accounts[0].id, accounts[1].id), (accounts[1].id, accounts[0].id)]
    ready, done = threading.Barrier(2), []

    def demote(mine: int, other: int) -> None:
        with any_app.app_context():
            row = db.session.get_one(Operator, other)
            ready.wait(10)
            try:
                operators.change(row, name=row.name, role="viewer", is_active=True, by=mine)
                db.session.commit()
                done.append("demoted")
            except InvalidOption as error:
                db.session.rollback()
                done.append(error.detail)

    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(done) == ["This is the last administrator.", "demoted"]
