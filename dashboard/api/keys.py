"""API keys over the API: for services that hand out keys to others. A key gives no more than it has itself."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from flask import g, jsonify
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from dashboard import audit, keys, rotation
from dashboard.api.fields import Channel
from dashboard.api.repeats import once, once_unkept
from dashboard.api.resource import WITH_BODY, Answer, as_answer, refusals, resource
from dashboard.api.schemas import Body, Parameters, SendHeaders, Slug
from dashboard.auth import api_key
from tasks.errors import NotAllowed, UnknownKey
from tasks.models import ApiKey

MOST_TEMPLATES = 200
OVERLAP = int(rotation.OVERLAP.total_seconds())
LONGEST_OVERLAP = int(rotation.LONGEST_OVERLAP.total_seconds())

Scope = Annotated[str, Field(max_length=40, examples=["send"])]


def _to_expiry(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("give a time with its zone, like 2026-01-31T09:00:00+05:45") from None


Expiry = Annotated[
    datetime, BeforeValidator(_to_expiry),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "From then on it is refused; null: never."}),
]


class KeyBody(Body):
    """A new key. What is left out is as the calling key has it."""

    name: str = Field(min_length=1, max_length=200)
    scopes: list[Scope] = Field(min_length=1, max_length=20)
    kind: Literal["live", "test"] | None = Field(None, description="test: whatever it sends goes to the simulator.")
    templates: list[Slug] | None = Field(None, max_length=MOST_TEMPLATES, description="It may send only these.")
    channels: list[Channel] | None = Field(None, max_length=4, description="Outside channels that it may ring.")
    rate_per_minute: int | None = Field(None, ge=1, le=keys.MOST_A_MINUTE)
    expires_at: Expiry | None = None


class RotateBody(Body):
    """How to change to the next key."""

    overlap: int = Field(OVERLAP, ge=0, le=LONGEST_OVERLAP, description="Seconds that the old key still works.")


class PrefixPath(Parameters):
    """Which key: its prefix, as lists show it."""

    prefix: str = Field(pattern=r"^[0-9A-Za-z]{8}$")


class KeyAnswer(BaseModel):
    """A key, without its secret."""

    prefix: str
    name: str
    kind: str
    scopes: list[str]
    templates: list[str] | None
    channels: list[str] | None
    rate_per_minute: int | None
    state: str = Field(description="live, expired or revoked.")
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewKeyAnswer(KeyAnswer):
    """A key that was just made."""

    key: str = Field(description="The key itself: only here, and never again.")


class KeysAnswer(BaseModel):
    """All keys, newest first."""

    keys: list[KeyAnswer]


api = resource("keys", "API keys. What holds a key is kept nowhere: a repeat with its Idempotency-Key is a 409 that names it.")


@api.get("/keys/", responses={200: KeysAnswer, **refusals()})
@api_key("keys")
def index() -> Answer:
    """Every key, with what it may do and when it was last used."""
    return jsonify({"keys": [_shown(row) for row in rotation.every()]})


@api.post("/keys/", responses={201: NewKeyAnswer, **refusals(409, *WITH_BODY)})
@api_key("keys")
@once_unkept("key")
def create(header: SendHeaders, body: KeyBody) -> Answer:
    """Make a key with no more rights than the calling one. The answer is the only place that ever shows it."""
    limits = _no_more_than(g.api_key, body)
    row, plaintext = keys.create_key(body.name, body.scopes, audit.current_actor(), _end(g.api_key, body), limits)
    return as_answer({**_shown(row), "key": plaintext}, 201)


@api.post("/keys/<prefix>/rotate/", responses={201: NewKeyAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("keys")
@once_unkept("key")
def rotate(header: SendHeaders, path: PrefixPath, body: RotateBody) -> Answer:
    """Make the next key with the same name and rights; the old one works for the overlap, then no more."""
    old = _within_reach(path.prefix)
    row, plaintext = rotation.rotate(old, audit.current_actor(), timedelta(seconds=body.overlap))
    return as_answer({**_shown(row), "key": plaintext}, 201)


@api.post("/keys/<prefix>/revoke/", responses={200: KeyAnswer, **refusals(404, 409, 422)})
@api_key("keys")
@once
def revoke(header: SendHeaders, path: PrefixPath) -> Answer:
    """Switch a key off for good; live connections opened with its tokens end within seconds. Safe to repeat."""
    row = _within_reach(path.prefix)
    rotation.revoke(row, audit.current_actor())
    return jsonify(_shown(_found(path.prefix)))


def _within_reach(prefix: str) -> ApiKey:
    """The key of a prefix, which has no more rights than the calling one. Raises UnknownKey and NotAllowed."""
    row, own = _found(prefix), g.api_key
    free = [word for word in ("templates", "channels") if getattr(own, word) is not None and getattr(row, word) is None]
    if free:
        raise NotAllowed(
            f"The key {prefix} is not held to {free[0]} as the key {own.prefix} is.", field="Authorization",
            remedy="Use a key that has no such limit.",
        )
    _no_more_than(own, KeyBody.model_construct(
        name=row.name, scopes=row.scopes, kind=row.kind, templates=row.templates, channels=row.channels,
        rate_per_minute=row.rate_per_minute, expires_at=row.expires_at,
    ))
    return row


def _found(prefix: str) -> ApiKey:
    row = rotation.named(prefix)
    if row.prefix != prefix:
        raise UnknownKey(f"There is no key {prefix}.", field="prefix", remedy="Give the prefix of a key, as GET /keys/ shows it.")
    return row


def _no_more_than(own: ApiKey, asked: KeyBody) -> keys.Limits:
    """The limits asked for, those left out as the calling key's. Raises NotAllowed, naming what the calling key does not have."""
    kind = asked.kind or own.kind
    more = sorted(set(asked.scopes) - set(own.scopes))
    for word, mine, theirs in (("template", own.templates, asked.templates), ("channel", own.channels, asked.channels)):
        if mine is not None and theirs is not None:
            more += [f"{word} {name}" for name in sorted(set(theirs) - set(mine))]
    if own.kind == keys.TEST and kind != keys.TEST:
        more.append("kind live")
    if own.rate_per_minute and asked.rate_per_minute and asked.rate_per_minute > own.rate_per_minute:
        more.append(f"{asked.rate_per_minute} requests a minute")
    ends = _end(own, asked)
    if own.expires_at is not None and (ends is None or ends > own.expires_at):
        more.append("a later end")
    if more:
        raise NotAllowed(
            f"The key {own.prefix} cannot give what it does not have: {', '.join(more)}.", field="Authorization",
            remedy="Ask for less, or use a key that has these.",
        )
    templates = own.templates if asked.templates is None else asked.templates
    channels = own.channels if asked.channels is None else asked.channels
    return keys.Limits(
        test=kind == keys.TEST, templates=None if templates is None else tuple(templates),
        channels=None if channels is None else tuple(channels), rate_per_minute=asked.rate_per_minute or own.rate_per_minute,
    )


def _end(own: ApiKey, asked: KeyBody) -> datetime | None:
    return asked.expires_at if "expires_at" in asked.model_fields_set else own.expires_at


def _shown(row: ApiKey) -> dict[str, object]:
    answer = KeyAnswer(
        prefix=row.prefix, name=row.name, kind=row.kind, scopes=row.scopes, templates=row.templates, channels=row.channels,
        rate_per_minute=row.rate_per_minute, state=rotation.state(row), created_by=row.created_by, created_at=row.created_at,
        expires_at=row.expires_at, last_used_at=row.last_used_at,
    )
    return answer.model_dump(mode="json")
