"""Who may do what: operators of the dashboard, API keys of services, and the record of what they changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tasks.extensions import Model
from tasks.models.types import Json, UtcDateTime, utcnow


class Operator(Model):
    """A dashboard account."""

    __tablename__ = "operators"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)  # lower case
    name: Mapped[str] = mapped_column(Text, default="")
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text, default="viewer")  # words.ROLES
    timezone: Mapped[str] = mapped_column(Text, default="")
    test_email: Mapped[str] = mapped_column(Text, default="", server_default="")  # of test sends; empty: the e-mail above
    test_phone: Mapped[str] = mapped_column(Text, default="", server_default="")  # E.164
    test_group: Mapped[str] = mapped_column(Text, default="", server_default="")  # a segment's slug
    theme: Mapped[str] = mapped_column(Text, default="", server_default="")  # light, dark; empty: as the system
    shortcuts: Mapped[bool] = mapped_column(default=True, server_default=text("true"))  # single keys, like g h
    is_active: Mapped[bool] = mapped_column(default=True)
    session_epoch: Mapped[int] = mapped_column(default=1)  # raised by a password change: older sessions end
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    def __str__(self) -> str:
        return self.email


class ApiKey(Model):
    """A service's key. Only its SHA-256 is kept; the signing secret, needed to check tokens, is encrypted."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text, index=True)  # what the dashboard shows, and the token's `kid`
    key_hash: Mapped[str] = mapped_column(Text, unique=True)
    signing_secret: Mapped[str] = mapped_column(Text)  # encrypted with the secret key
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)  # words.SCOPES
    kind: Mapped[str] = mapped_column(Text, default="live", server_default="live")  # live or test
    templates: Mapped[list[str] | None] = mapped_column(Json)  # slugs it may send; none: all
    channels: Mapped[list[str] | None] = mapped_column(Json)  # outside channels it may ring; none: all
    rate_per_minute: Mapped[int | None]  # requests; none: the setting
    rotated_from: Mapped[int | None]  # api_keys.id of the key it replaces: both work until that one expires
    family: Mapped[int | None]  # api_keys.id of the first key of a line of rotations; none: itself
    is_active: Mapped[bool] = mapped_column(default=True)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(Model):
    """Who changed what, when, from what to what."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_object", "object_type", "object_id"),
        Index("ix_audit_entries_actor", "actor", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    actor: Mapped[str] = mapped_column(Text)  # operator's e-mail, key's name, or "cli"
    action: Mapped[str] = mapped_column(Text)  # create, update, delete, login, start, pause, ...
    object_type: Mapped[str] = mapped_column(Text)
    object_id: Mapped[str] = mapped_column(Text)
    changes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # field: [before, after]


class IdempotencyKey(Model):
    """The answer that a key's first call got, written in the transaction of the work itself."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("uq_idempotency_keys_scope_key", "scope", "key", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(Text)  # the API key's family and the route, or "python"
    key: Mapped[str] = mapped_column(Text)
    body_hash: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None]  # HTTP status of `body`
    answer: Mapped[Any] = mapped_column(Json, nullable=True)  # what was recorded, until the answer's text is kept
    body: Mapped[str | None] = mapped_column(Text)  # the answer's text, byte for byte
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
