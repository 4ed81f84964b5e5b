"""The end of a key: revoked at once, or rotated with an overlap in which both work; and what its tokens are worth meanwhile."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from dashboard import keys, rotation, tokens
from tasks.errors import InvalidOption, InvalidToken, UnknownKey, WrongState
from tasks.extensions import db
from tasks.models import ApiKey, AuditEntry
from tasks.models.types import utcnow
from tests import factories

HOUR = timedelta(hours=1)


def passed(prefix: str, by: timedelta) -> None:
    """Let a key have expired `by` ago."""
    db.session.execute(update(ApiKey).where(ApiKey.prefix == prefix).values(expires_at=utcnow() - by))
    db.session.commit()


def test_both_work_in_the_overlap_and_then_the_next_alone(any_app: Flask) -> None:
    factories.template("welcome")
    limits = keys.Limits(test=True, templates=("welcome",), channels=("email",), rate_per_minute=7)
    old, old_key = keys.create_key("shop", ["send", "inbox"], "ann", limits=limits)

    made, new_key = rotation.rotate(rotation.named("shop"), "ann", HOUR)

    assert {keys.find_key(one).name for one in (old_key, new_key)} == {"shop"}
    same = ("name", "scopes", "kind", "templates", "channels", "rate_per_minute")
    assert [getattr(made, name) for name in same] == [getattr(old, name) for name in same]
    assert (made.rotated_from, made.family, made.expires_at) == (old.id, old.id, None)
    assert old.expires_at is not None
    assert HOUR - timedelta(minutes=1) < old.expires_at - utcnow() <= HOUR
    passed(old.prefix, timedelta(seconds=1))
    assert keys.find_key(old_key) is None
    assert keys.find_key(new_key) is not None
    third, _ = rotation.rotate(rotation.named(made.prefix), "ann", HOUR)
    assert (third.rotated_from, third.family) == (made.id, old.id)
    assert [entry.action for entry in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))] == [
        "create", "rotate", "rotate"
    ]
    assert new_key not in str(db.session.execute(select(ApiKey.__table__)).all())


def test_tokens_of_the_old_key_hold_until_they_expire(any_app: Flask) -> None:
    old, _ = keys.create_key("shop", ["inbox"], "ann")
    token, _ = tokens.issue(old, "42")
    rotation.rotate(old, "ann", timedelta(0))

    assert tokens.verify(token).subject == "42"
    assert keys.silent({old.id}) == set()
    passed(old.prefix, keys.TOKENS_LAST)
    with pytest.raises(InvalidToken):
        tokens.verify(token)
    assert keys.silent({old.id}) == {old.id}


def test_tokens_of_a_key_that_only_expired_or_is_revoked_are_worth_nothing(app: Flask) -> None:
    late, _ = keys.create_key("late", ["inbox"], "ann")
    gone, _ = keys.create_key("gone", ["inbox"], "ann")
    rotation.rotate(gone, "ann", HOUR)
    written = [tokens.issue(key, "42")[0] for key in (late, gone)]
    passed(late.prefix, timedelta(seconds=1))
    assert rotation.revoke(gone, "ann") is True
    assert rotation.revoke(gone, "ann") is False

    for token in written:
        with pytest.raises(InvalidToken):
            tokens.verify(token)
    assert keys.silent({late.id, gone.id}) == {late.id, gone.id}


def test_a_key_with_an_end_is_followed_by_one_that_lives_as_long(app: Flask) -> None:
    old, _ = keys.create_key("shop", ["send"], "ann", expires_at=utcnow() + 30 * HOUR)

    made, _ = rotation.rotate(old, "ann", 100 * HOUR)

    assert made.expires_at is not None
    assert timedelta(0) <= made.expires_at - utcnow() - 29 * HOUR <= HOUR
    assert old.expires_at - utcnow() <= 30 * HOUR, "the overlap does not let it live longer than it would"


def test_a_key_is_rotated_once(any_app: Flask) -> None:
    old, _ = keys.create_key("shop", ["send"], "ann")
    pk, found = old.id, []
    db.session.remove()

    def rotate() -> None:
        with any_app.app_context():
            try:
                found.append(rotation.rotate(db.session.get_one(ApiKey, pk), "ann", HOUR)[0].prefix)
            except WrongState as error:
                found.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [type(one) for one in found].count(WrongState) == 7
    assert db.session.scalar(select(func.count()).select_from(ApiKey)) == 2


def test_what_cannot_be_rotated(app: Flask) -> None:
    row, _ = keys.create_key("shop", ["send"], "ann")
    with pytest.raises(InvalidOption):
        rotation.rotate(row, "ann", timedelta(days=91))
    with pytest.raises(UnknownKey):
        rotation.named("nobody")
    rotation.revoke(row, "ann")
    with pytest.raises(WrongState):
        rotation.rotate(row, "ann", HOUR)
