"""API keys: shown once, found by hash, refused when they should be, and the secret that signs tokens."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from dashboard import create_app, keys
from tasks.errors import ConfigurationError, InvalidOption
from tasks.extensions import db
from tasks.models import ApiKey, AuditEntry
from tasks.models.types import utcnow


def test_a_key_is_found_by_what_was_shown_once_and_nothing_of_it_is_kept(any_app: Flask) -> None:
    row, plaintext = keys.create_key("shop", ["send", "read"], "ann@example.org")

    found = keys.find_key(plaintext)

    assert found is not None
    assert (found.id, found.name, found.scopes, found.created_by) == (row.id, "shop", ["send", "read"], "ann@example.org")
    assert re.fullmatch(r"crl_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", plaintext)
    assert found.prefix == plaintext[4:12]
    stored = str(db.session.execute(select(ApiKey.__table__)).all())
    assert plaintext[13:] not in stored
    assert keys.signing_secret(found) not in stored


def test_finding_a_key_leaves_no_transaction_open(any_app: Flask) -> None:
    _, plaintext = keys.create_key("shop", ["send"], "ann")
    db.session.remove()

    keys.find_key(plaintext)

    assert not db.session.registry.has() or not db.session().in_transaction()
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_two_keys_differ_in_every_part(app: Flask) -> None:
    made = [keys.create_key("shop", ["send"], "ann") for _ in range(2)]

    assert len({plaintext for _, plaintext in made}) == 2
    assert len({row.prefix for row, _ in made}) == 2
    assert len({keys.signing_secret(row) for row, _ in made}) == 2


@pytest.mark.parametrize("spoil", [
    lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
    lambda key: key[:20] + ("0" if key[20] != "0" else "1") + key[21:],
    lambda key: key.upper(),
    lambda key: key + "x",
    lambda key: key[4:],
    lambda key: "",
    lambda key: "crl_" + "ß" * 58,
    lambda key: f"{key}\n",
])
def test_a_key_that_is_not_exactly_the_key_finds_nothing(app: Flask, spoil) -> None:
    _, plaintext = keys.create_key("shop", ["send"], "ann")

    assert keys.find_key(spoil(plaintext)) is None


def test_a_mistyped_key_is_refused_without_asking_the_database(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plaintext = keys.create_key("shop", ["send"], "ann")
    monkeypatch.setattr(keys, "_live", lambda *_: pytest.fail("the database was asked"))

    assert keys.find_key(plaintext[:30] + ("0" if plaintext[30] != "0" else "1") + plaintext[31:]) is None


def test_a_key_switched_off_or_expired_finds_nothing(any_app: Flask) -> None:
    off, off_key = keys.create_key("off", ["send"], "ann")
    late, late_key = keys.create_key("late", ["send"], "ann", expires_at=utcnow() + timedelta(hours=1))
    assert keys.find_key(off_key)
    assert keys.find_key(late_key)
    assert keys.find_by_prefixes([late.prefix])

    off.is_active = False
    late.expires_at = utcnow() - timedelta(seconds=1)
    db.session.commit()

    assert keys.find_key(off_key) is None
    assert keys.find_key(late_key) is None
    assert keys.find_by_prefixes([off.prefix]) == {}
    assert keys.find_by_prefixes([late.prefix]) == {}


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(app: Flask) -> None:
    row, plaintext = keys.create_key("shop", ["send"], "ann")
    assert row.last_used_at is None

    keys.find_key(plaintext)
    db.session.refresh(row)
    first = row.last_used_at
    keys.find_key(plaintext)
    db.session.refresh(row)

    assert first is not None
    assert row.last_used_at == first
    long_ago = utcnow() - timedelta(seconds=61)
    app.extensions["carillon.key_uses"].clear()
    db.session.execute(update(ApiKey).values(last_used_at=long_ago))
    db.session.commit()
    keys.find_key(plaintext)
    db.session.refresh(row)
    assert row.last_used_at > long_ago


def test_a_locked_database_is_in_nobodys_way_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plaintext = keys.create_key("shop", ["send"], "ann")
    tries = []

    def locked() -> None:
        tries.append(1)
        raise OperationalError("update", {}, Exception("database is locked"))

    monkeypatch.setattr(keys, "writing", locked)

    assert keys.find_key(plaintext)
    assert keys.find_key(plaintext)
    assert len(tries) == 1


@pytest.mark.parametrize(("name", "scopes", "expires", "field"), [
    ("", ["send"], None, "name"),
    ("  ", ["send"], None, "name"),
    ("shop", [], None, "scopes"),
    ("shop", ["send", "everything"], None, "scopes"),
    ("shop", ["send"], -1, "expires_at"),
])
def test_what_a_key_cannot_be(app: Flask, name: str, scopes: list[str], expires: int | None, field: str) -> None:
    expires_at = None if expires is None else utcnow() + timedelta(seconds=expires)

    with pytest.raises(InvalidOption) as caught:
        keys.create_key(name, scopes, "ann", expires_at)

    assert caught.value.field == field
    assert caught.value.remedy
    assert db.session.scalar(select(ApiKey)) is None


def test_making_a_key_is_in_the_audit_without_its_secrets(app: Flask) -> None:
    row, plaintext = keys.create_key("shop", ["send"], "ann@example.org")

    entry = db.session.scalars(select(AuditEntry)).one()

    assert (entry.actor, entry.action) == ("ann@example.org", "create")
    assert (entry.object_type, entry.object_id) == ("api_key", str(row.id))
    assert entry.changes == {"name": [None, "shop"], "scopes": [None, ["send"]]}
    assert plaintext not in str(entry.changes)


def test_the_signing_secret_needs_the_secret_key_it_was_written_with(app: Flask, sqlite_settings: dict[str, object]) -> None:
    row, _ = keys.create_key("shop", ["send"], "ann")
    other = create_app(**{**sqlite_settings, "secret_key": "another-secret-of-32-bytes-or-more"})

    with other.app_context(), pytest.raises(ConfigurationError) as caught:
        keys.signing_secret(row)

    assert caught.value.field == "CARILLON_SECRET_KEY"
    assert len(keys.signing_secret(row)) >= 43


def test_without_a_secret_key_no_api_key_is_made(sqlite_settings: dict[str, object]) -> None:
    bare = create_app(**{**sqlite_settings, "secret_key": ""})

    with bare.app_context(), pytest.raises(ConfigurationError):
        keys.create_key("shop", ["send"], "ann")
