"""`carillon operator add` and `carillon key create`."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from dashboard import keys, operators
from tasks.extensions import db
from tasks.models import ApiKey, AuditEntry
from tasks.models.types import utcnow
from tasks.models.words import SCOPES
from tests.dashboard.cli.conftest import Carillon, Inside


def test_an_operator_gets_a_password_that_is_printed_once_alone(carillon: Carillon, inside: Inside) -> None:
    result = carillon("operator", "add", "ann@example.org", "--role", "sender", "--name", "Ann")

    assert result.exit_code == 0
    (password,) = result.stdout.splitlines()
    assert "ann@example.org can sign in as sender" in result.stderr
    with inside():
        found = operators.verify("ann@example.org", password)
        assert found is not None
        assert (found.role, found.name) == ("sender", "Ann")
        assert db.session.scalar(select(AuditEntry.actor)) == "cli"


def test_a_password_from_stdin_is_not_printed(carillon: Carillon, inside: Inside) -> None:
    result = carillon("operator", "add", "ann@example.org", "--role", "admin", "--password-stdin", stdin="four words in row\n")

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "four words" not in result.stderr
    with inside():
        assert operators.verify("ann@example.org", "four words in row") is not None


@pytest.mark.parametrize(("stdin", "words"), [("short\n", "8 to 1024 characters"), ("\n", "no password on stdin")])
def test_a_bad_password_is_refused(carillon: Carillon, inside: Inside, stdin: str, words: str) -> None:
    result = carillon("operator", "add", "ann@example.org", "--role", "admin", "--password-stdin", stdin=stdin)

    assert result.exit_code != 0
    assert words in result.stderr
    with inside():
        assert not operators.any_operator()


def test_a_second_account_of_one_address_is_refused_in_one_line(carillon: Carillon, home: object) -> None:
    carillon("operator", "add", "ann@example.org", "--role", "viewer")

    result = carillon("operator", "add", "Ann@example.org", "--role", "admin")

    assert result.exit_code == 1
    assert result.stderr == "Error: ann@example.org has an account already. Change that account instead.\n"


def test_a_role_must_be_said_and_exist(carillon: Carillon, home: object) -> None:
    assert carillon("operator", "add", "ann@example.org").exit_code == 2
    assert "'viewer', 'editor', 'sender', 'admin'" in carillon("operator", "add", "ann@example.org", "--role", "king").stderr


def test_a_key_is_printed_alone_and_opens_what_it_says(carillon: Carillon, inside: Inside) -> None:
    result = carillon("key", "create", "the shop", "--scope", "send", "--scope", "read", "--days", "30")

    assert result.exit_code == 0
    (plaintext,) = result.stdout.splitlines()
    with inside():
        found = keys.find_key(plaintext)
        assert found is not None
        assert (found.name, found.scopes) == ("the shop", ["send", "read"])
        assert found.expires_at is not None
        assert timedelta(days=29) < found.expires_at - utcnow() <= timedelta(days=30)
        assert plaintext not in str(db.session.scalars(select(AuditEntry.changes)).all())


def test_a_key_may_do_everything_but_make_keys_unless_told(carillon: Carillon, inside: Inside) -> None:
    carillon("key", "create", "all")

    with inside():
        found = db.session.scalars(select(ApiKey)).one()
        assert (found.scopes, found.expires_at) == ([scope for scope in SCOPES if scope != "keys"], None)


def test_without_a_secret_key_there_is_no_api_key(
    carillon: Carillon, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARILLON_SECRET_KEY")

    result = carillon("key", "create", "shop")

    assert result.exit_code == 1
    assert "CARILLON_SECRET_KEY" in result.stderr
    with inside():
        assert db.session.scalars(select(ApiKey)).all() == []


def test_a_key_is_rotated_listed_and_revoked(carillon: Carillon, inside: Inside) -> None:
    held = ("--test", "--channel", "sms", "--rate", "60")
    (old,) = carillon("key", "create", "shop", "--scope", "send", *held).stdout.splitlines()

    rotated = carillon("key", "rotate", "shop", "--overlap", "2h")

    (new,) = rotated.stdout.splitlines()
    assert f"{old[4:12]} works until" in rotated.stderr
    with inside():
        found = [keys.find_key(one) for one in (old, new)]
        assert [(one.kind, one.channels, one.rate_per_minute) for one in found if one] == [("test", ["sms"], 60)] * 2
        assert timedelta(hours=1) < found[0].expires_at - utcnow() <= timedelta(hours=2)
    listed = carillon("key", "list").stdout
    assert [line.split()[1:3] for line in listed.splitlines()[1:]] == [[new[4:12], "test"], [old[4:12], "test"]]
    assert new not in listed
    assert "is off" in carillon("key", "revoke", new[4:12]).stderr
    assert "off already" in carillon("key", "revoke", new[4:12]).stderr
    assert "revoked" in carillon("key", "list").stdout


@pytest.mark.parametrize(("command", "status", "words"), [
    (("rotate", "nobody"), 1, "There is no key 'nobody'."), (("rotate", "shop", "--overlap", "soon"), 2, "Write it like 30m"),
    (("create", "x", "--template", "nothing"), 1, "There is no template 'nothing'."),
])
def test_what_cannot_be_done_to_a_key(
    carillon: Carillon, inside: Inside, command: tuple[str, ...], status: int, words: str
) -> None:
    carillon("key", "create", "shop")

    result = carillon("key", *command)

    assert (result.exit_code, words in result.stderr) == (status, True), result.stderr
