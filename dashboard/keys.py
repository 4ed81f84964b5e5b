"""API keys of services: made here, shown once, kept as a hash, and looked up by it.

A key reads `crl_<prefix>_<secret>`: the prefix names it in lists and tokens, the secret is 256 random bits and a
checksum, so that a mistyped key is refused without asking the database and a secret scanner can tell a real one.
"""

import hashlib
import hmac
import logging
import re
import secrets
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import aliased

from dashboard import audit
from tasks import vault
from tasks.database import reading, writing
from tasks.direct import Direct
from tasks.errors import InvalidOption
from tasks.extensions import db
from tasks.models import ApiKey, Template
from tasks.models.types import UtcDateTime, utcnow
from tasks.models.words import OUTSIDE_CHANNELS, SCOPES
from tasks.rights import Rights

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAPE = re.compile(r"crl_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")
PREFIX = re.compile(r"[0-9A-Za-z]{8}")
LIVE, TEST = "live", "test"  # kinds
OWN_LIMITS = ("templates", "channels", "rate_per_minute")
MOST_A_MINUTE = 1_000_000
TOKENS_LAST = timedelta(hours=1)  # the longest that a token may live (dashboard.tokens.LIFETIME)
PURPOSE = "signing secrets"
MOST_ANCESTORS = 50  # keys looked at to find out who stands behind one
TOUCH = timedelta(minutes=1)  # how exact `last_used_at` is

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key is held to. `test`: whatever it sends goes to the simulator. None: all templates, all channels, the setting."""

    test: bool = False
    templates: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    rate_per_minute: int | None = None


def create_key(
    name: str, scopes: Sequence[str], actor: str, expires_at: datetime | None = None, limits: Limits | None = None
) -> tuple[ApiKey, str]:
    """Make and commit a key. Returns its row and the key itself, which nobody can read again.

    Raises InvalidOption where the name is empty, a scope, template or channel unknown, no scope given, or `expires_at` (aware)
    has passed.
    """
    chosen = limits or Limits()
    _check(name, scopes, expires_at)
    _check_limits(chosen)
    key, plaintext = new_row(
        name=name.strip(), scopes=[scope for scope in SCOPES if scope in scopes], kind=TEST if chosen.test else LIVE,
        templates=_listed(chosen.templates), channels=_listed(chosen.channels), rate_per_minute=chosen.rate_per_minute,
        expires_at=expires_at, created_by=actor,
    )
    changes = {"name": [None, key.name], "scopes": [None, key.scopes]}
    changes |= {field: [None, getattr(key, field)] for field in OWN_LIMITS if getattr(key, field) is not None}
    changes |= {"kind": [None, TEST]} if chosen.test else {}
    audit.record("create", "api_key", key.id, changes, actor=actor)
    db.session.commit()
    return key, plaintext


def new_row(**values: Any) -> tuple[ApiKey, str]:
    """A key's row with these values, flushed and not committed, and the key itself. Raises ConfigurationError."""
    plaintext = _new_plaintext()
    sealed = vault.lock(secrets.token_urlsafe(32), PURPOSE)
    key = ApiKey(prefix=plaintext[4:12], key_hash=_hash(plaintext), signing_secret=sealed, **values)
    db.session.add(key)
    db.session.flush()
    return key, plaintext


def rights_of(key: ApiKey) -> Rights:
    """What the key may send, as the sender checks it."""
    templates = None if key.templates is None else tuple(key.templates)
    channels = None if key.channels is None else tuple(key.channels)
    return Rights(key.prefix, templates, channels, is_test=key.kind == TEST)


def owners_of(key: ApiKey) -> tuple[str, ...]:
    """Everybody who made this key, one that it replaces, or the key that made one of these: they know or knew its text."""
    names: set[str] = set()
    found, looked = [key], set[int]()
    while found and len(looked) < MOST_ANCESTORS:
        one = found.pop()
        if one.id in looked:
            continue
        looked.add(one.id)
        names.add(one.created_by)
        before = (ApiKey.id == one.rotated_from, ApiKey.name == one.created_by.removeprefix("key "))
        found += db.session.scalars(select(ApiKey).where(or_(*before)).limit(MOST_ANCESTORS))
    return tuple(sorted(name for name in names if "@" in name))


def find_key(plaintext: str) -> ApiKey | None:
    """The live key that this is, or None. The row is detached: no transaction stays open behind it. Notes the use."""
    shape = SHAPE.fullmatch(plaintext)
    if not shape or _checksum(shape[1] + shape[2]) != shape[3]:
        return None
    digest = _hash(plaintext)
    key = _live(digest)
    if key is None or not hmac.compare_digest(key.key_hash, digest):
        return None
    _note_use(key)
    return key


def find_by_prefixes(prefixes: Collection[str]) -> dict[str, ApiKey]:
    """The keys with these prefixes (a token's `kid`, so anything), as far as they still vouch for tokens: detached, by prefix."""
    sane = [prefix for prefix in prefixes if PREFIX.fullmatch(prefix)]  # nor is every text one that a database takes
    if not sane:
        return {}
    now = utcnow()
    with reading() as connection:
        asked = {"prefixes": sane, "now": now, "faded": now - TOKENS_LAST}
        rows = connection.execute(_BY_PREFIX, asked).mappings().all()
    return {row["prefix"]: ApiKey(**row) for row in rows}


def vouches(now: Any = None, faded: Any = None) -> ColumnElement[bool]:
    """The keys whose tokens are believed: live ones, and rotated ones until the last token signed with them has expired."""
    now = utcnow() if now is None else now
    faded = now - TOKENS_LAST if faded is None else faded
    next_one = aliased(ApiKey)
    rotated = exists().where(next_one.rotated_from == ApiKey.id)
    fading = and_(ApiKey.expires_at > faded, rotated)
    return and_(ApiKey.is_active, or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now, fading))


# Built once: every request and every connection asks them, and composing one costs five times as much as running it.
_NOW = bindparam("now", type_=UtcDateTime())
_BY_HASH = Direct(select(ApiKey.__table__).where(
    ApiKey.key_hash == bindparam("digest"), ApiKey.is_active, or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > _NOW)
))
_BY_PREFIX = select(ApiKey.__table__).where(
    ApiKey.prefix.in_(bindparam("prefixes", expanding=True)),
    vouches(_NOW, bindparam("faded", type_=UtcDateTime())),
)


def silent(key_ids: Collection[int]) -> set[int]:
    """Those of these keys (their rows' ids) that vouch for nothing any more: revoked, or expired."""
    with reading() as connection:
        speaking = connection.execute(select(ApiKey.id).where(ApiKey.id.in_(key_ids), vouches())).scalars()
        return set(key_ids) - set(speaking)


def signing_secret(key: ApiKey) -> str:
    """The secret that subscriber tokens are signed with. Raises ConfigurationError where SECRET_KEY has changed."""
    return vault.unlock(key.signing_secret, PURPOSE)


def _check(name: str, scopes: Sequence[str], expires_at: datetime | None) -> None:
    if not name.strip():
        raise InvalidOption("An API key needs a name.", field="name", remedy="Name the service that will use it.")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        what = f"There is no scope {unknown[0]!r}." if unknown else "A key without a scope can do nothing."
        raise InvalidOption(what, field="scopes", remedy=f"Choose from {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= utcnow():
        raise InvalidOption("The expiry has passed.", field="expires_at", remedy="Give a time to come, or none.")


def _check_limits(limits: Limits) -> None:
    if limits.templates is not None:
        known = set(db.session.scalars(select(Template.slug).where(Template.slug.in_(limits.templates))))
        unknown = sorted(set(limits.templates) - known)
        if unknown or not limits.templates:
            what = f"There is no template {unknown[0]!r}." if unknown else "A key without a template can send nothing."
            raise InvalidOption(what, field="templates", remedy="Name templates by their slugs, or leave this empty for all.")
    foreign = sorted(set(limits.channels or ()) - set(OUTSIDE_CHANNELS))
    if foreign:
        remedy = f"Choose from {', '.join(OUTSIDE_CHANNELS)}; in_app always rings."
        raise InvalidOption(f"There is no outside channel {foreign[0]!r}.", field="channels", remedy=remedy)
    if limits.rate_per_minute is not None and not 1 <= limits.rate_per_minute <= MOST_A_MINUTE:
        raise InvalidOption(
            "The rate is out of range.", field="rate_per_minute",
            remedy=f"Give 1 to {MOST_A_MINUTE:,} requests a minute, or none.",
        )


def _listed(words: Collection[str] | None) -> list[str] | None:
    return None if words is None else sorted(set(words))


def _live(digest: str) -> ApiKey | None:
    with reading() as connection:
        row = _BY_HASH.first(connection, {"digest": digest, "now": utcnow()})
    return ApiKey(**row._asdict()) if row else None


def _note_use(key: ApiKey) -> None:
    now = utcnow()
    tried: dict[int, datetime] = current_app.extensions.setdefault("carillon.key_uses", {})
    if any(then is not None and now - then < TOUCH for then in (key.last_used_at, tried.get(key.id))):
        return
    tried[key.id] = now  # before the write: a locked database is waited for once a minute, not in every call
    try:
        with writing() as connection:
            connection.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))
    except OperationalError:  # the request itself decides whether a locked database is in its way
        log.warning("the use of key %s could not be noted", key.prefix)


def _new_plaintext() -> str:
    prefix = "".join(secrets.choice(ALPHABET) for _ in range(8))
    secret = _base62(secrets.randbits(256), 43)
    return f"crl_{prefix}_{secret}{_checksum(prefix + secret)}"


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), 6)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _hash(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
