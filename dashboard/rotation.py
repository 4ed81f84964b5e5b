"""The end of a key: revoked at once, or rotated, so that its service has time to change to the next one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update

from dashboard import audit, keys
from tasks.errors import InvalidOption, UnknownKey, WrongState
from tasks.extensions import db
from tasks.models import ApiKey
from tasks.models.types import utcnow

OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=90)

KEYS: Any = ApiKey.__table__


def named(words: str) -> ApiKey:
    """The key of this prefix, or the newest one in use of this name. Raises UnknownKey."""
    prefix = words.removeprefix("crl_")[:8]
    found = select(ApiKey).where(or_(ApiKey.prefix == prefix, ApiKey.name == words))
    row = db.session.scalars(found.order_by(ApiKey.is_active.desc(), ApiKey.id.desc())).first()
    if row is None:
        raise UnknownKey(f"There is no key {words[:60]!r}.", field="key", remedy="Give its name, or its prefix as lists show it.")
    return row


def every() -> Sequence[ApiKey]:
    """All keys, the newest first."""
    return db.session.scalars(select(ApiKey).order_by(ApiKey.id.desc())).all()


def state(key: ApiKey) -> str:
    """live, expired or revoked."""
    if not key.is_active:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= utcnow() else "live"


def revoke(key: ApiKey, actor: str) -> bool:
    """Switch a key off for good, and commit. Returns False where it was off already.

    Its live connections end within seconds.
    """
    off = update(ApiKey).where(ApiKey.id == key.id, ApiKey.is_active).values(is_active=False)
    if not db.session.execute(off).rowcount:  # type: ignore[attr-defined]
        return False
    audit.record("revoke", "api_key", key.id, {"name": [key.name, key.name], "is_active": [True, False]}, actor=actor)
    db.session.commit()
    return True


def rotate(key: ApiKey, actor: str, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """Make a key with the same name and rights, and let the old one expire after `overlap`. Commits, and returns as `create_key`.

    Tokens that the old one has signed hold until they expire by themselves. A key with an expiry is followed by one that lives as
    long. Raises InvalidOption, and WrongState where the key is off, has expired or was rotated before.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidOption("The overlap is out of range.", field="overlap", remedy=f"Give 0 to {LONGEST_OVERLAP.days} days.")
    now = utcnow()
    ends = now + overlap if key.expires_at is None else min(now + overlap, key.expires_at)
    _take_over(key, now, ends)
    lives = key.expires_at - key.created_at if key.expires_at is not None else None
    made, plaintext = keys.new_row(
        name=key.name, scopes=key.scopes, kind=key.kind, templates=key.templates, channels=key.channels,
        rate_per_minute=key.rate_per_minute, rotated_from=key.id, family=key.family or key.id,
        expires_at=None if lives is None else now + lives, created_by=actor,
    )
    changes = {"expires_at": [_iso(key.expires_at), _iso(ends)], "rotated_to": [None, made.prefix]}
    audit.record("rotate", "api_key", key.id, changes, actor=actor)
    db.session.commit()
    return made, plaintext


def _take_over(key: ApiKey, now: datetime, ends: datetime) -> None:
    """Give the old key its end. The first of two who rotate it does so, the other is told."""
    successor = db.session.scalar(select(ApiKey.prefix).where(ApiKey.rotated_from == key.id))
    fresh = KEYS.c.expires_at.is_(None) if key.expires_at is None else KEYS.c.expires_at == key.expires_at
    usable = successor is None and (key.expires_at is None or key.expires_at > now)
    mine = update(KEYS).where(KEYS.c.id == key.id, KEYS.c.is_active, fresh).values(expires_at=ends)
    if usable and db.session.execute(mine).rowcount:  # type: ignore[attr-defined]
        return
    db.session.rollback()
    what = f"was replaced by {successor}" if successor else "is revoked, has expired or was just changed"
    raise WrongState(f"The key {key.prefix} {what}.", field="key", remedy="Rotate the newest key, or make another one.")


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
