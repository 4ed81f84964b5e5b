"""Subscriber tokens: what an app shows to open a person's inbox. A JWT (RFC 7519), signed with an API key's secret."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import keys
from tasks.audience.plain import storable
from tasks.errors import InvalidToken
from tasks.extensions import db
from tasks.gathering import gathered
from tasks.models import ApiKey

AUDIENCE = "carillon-inbox"
ALGORITHM = "HS256"  # the only one, whatever a token's own header says
LIFETIME = int(keys.TOKENS_LAST.total_seconds())  # the longest, and what a token gets where nobody asks for less
SKEW = 30  # seconds that a service's clock may be off
LONGEST = 4096  # characters of a token that are looked at
SCOPE = "inbox"
MOST_KEYS = 20  # tried for a token without `kid`


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says: whose inbox, until when, and which key vouches for it."""

    subject: str  # the person's external id
    expires_at: datetime
    key_id: int


def issue(key: ApiKey, external_id: str, lifetime: int = LIFETIME) -> tuple[str, datetime]:
    """A token for one person's inbox, good for `lifetime` seconds (at most LIFETIME), and when it ends."""
    if not 0 < lifetime <= LIFETIME:
        raise ValueError(f"a token lives from 1 to {LIFETIME} seconds")
    now = int(time.time())
    claims = {"sub": external_id, "aud": AUDIENCE, "iat": now, "exp": now + lifetime}
    token = jwt.encode(claims, keys.signing_secret(key), algorithm=ALGORITHM, headers={"kid": key.prefix})
    return token, datetime.fromtimestamp(now + lifetime, UTC)


def verify(token: object) -> Claims:
    """What the token says, if it may be believed. Raises InvalidToken, whose `reason` is one word for programs."""
    if not isinstance(token, str) or not token:
        raise InvalidToken("missing", "There is no token.", remedy="Connect with auth: {token}.")
    if len(token) > LONGEST:
        raise InvalidToken("malformed", "This is too long to be a token.")
    key, subject, expires = _signed(token)
    if not subject or not storable(subject):
        raise InvalidToken("malformed", "The token names nobody.", remedy="Put the person's id into `sub`.")
    if expires <= time.time():
        raise _expired()
    if expires > time.time() + LIFETIME + SKEW:
        raise InvalidToken("too_long", "The token lives too long.", remedy=f"Let `exp` be at most {LIFETIME} seconds away.")
    return Claims(subject, datetime.fromtimestamp(expires, UTC), key.id)


def _signed(token: str) -> tuple[ApiKey, str, float]:
    """The key that signed the token, whom it names, and when it ends (seconds since the epoch)."""
    try:
        prefix = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError:
        raise InvalidToken("malformed", "This is not a token.") from None
    if prefix is not None:
        key = gathered(_vouching, str(prefix))
        if key is None or SCOPE not in key.scopes:
            raise InvalidToken("unknown_key", f"No live key with the scope {SCOPE} has the prefix that the token names.")
        return key, *_claims(token, keys.signing_secret(key))
    for key in _keys():
        try:
            return key, *_claims(token, keys.signing_secret(key))
        except InvalidToken as error:
            if error.reason != "bad_signature":
                raise
    raise InvalidToken("bad_signature", "No key has signed this token.", remedy="Name the key's prefix in the header `kid`.")


def _vouching(prefixes: Sequence[str]) -> list[ApiKey | None]:
    known = keys.find_by_prefixes(set(prefixes))
    return [known.get(prefix) for prefix in prefixes]


def _keys() -> list[ApiKey]:
    """The keys that may have signed a token that names none: the newest few, so that nobody can keep us busy with it."""
    with Session(db.engine) as session:
        rows = session.scalars(select(ApiKey).where(keys.vouches()).order_by(ApiKey.id.desc()).limit(MOST_KEYS)).all()
    return [key for key in rows if SCOPE in key.scopes]


def _claims(token: str, secret: str) -> tuple[str, float]:
    try:
        found: dict[str, Any] = jwt.decode(
            token, secret, algorithms=[ALGORITHM], audience=AUDIENCE, leeway=SKEW, options={"require": ["exp", "sub", "aud"]}
        )
        found["sub"].encode()  # half a surrogate pair is a ValueError here, and in no database
        return found["sub"], float(found["exp"])
    except jwt.ExpiredSignatureError:
        raise _expired() from None
    except jwt.InvalidAudienceError:
        raise InvalidToken("wrong_audience", "The token is for something else.", remedy=f"Let `aud` be {AUDIENCE}.") from None
    except jwt.MissingRequiredClaimError as error:
        raise InvalidToken("malformed", f"The token lacks `{error.claim}`.") from None
    except jwt.ImmatureSignatureError:
        raise InvalidToken("not_yet", "The token is not valid yet.", remedy="Set the clock of the service that signs.") from None
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise InvalidToken("bad_signature", f"The token's signature is wrong, or not {ALGORITHM}.") from None
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):  # claims of a wrong type
        raise InvalidToken("malformed", "The token's claims cannot be read.") from None


def _expired() -> InvalidToken:
    return InvalidToken("expired", "The token has expired.", remedy="Ask your server for a new one.")
