"""Recipients, their devices, and what they opted out of."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks.extensions import Model
from tasks.models.types import Json, UtcDateTime, utcnow


class Recipient(Model):
    """A person who gets messages. `external_id` is the caller's own id, the only one the outside sees."""

    __tablename__ = "recipients"
    # Segments over these fields are counted from an index alone, whichever of the two a rule begins with: the rows of a million
    # people are ten times as much to read.
    __table_args__ = (
        Index("ix_recipients_rules", "country", "locale", "timezone", "is_active", "created_at"),
        Index("ix_recipients_created_at", "created_at", "is_active", "country", "locale", "timezone"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(Text, default="", index=True)
    phone: Mapped[str] = mapped_column(Text, default="", index=True)  # E.164
    locale: Mapped[str] = mapped_column(Text, default="")  # BCP 47, like ne or pt-BR
    timezone: Mapped[str] = mapped_column(Text, default="")  # IANA, like Asia/Kathmandu
    country: Mapped[str] = mapped_column(Text, default="")  # ISO 3166 alpha-2
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)
    # A deleted person is emptied and kept as a tombstone: what was sent still adds up (tasks.audience.erase).
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    devices: Mapped[list["Device"]] = relationship(back_populates="recipient", passive_deletes=True)

    def __str__(self) -> str:
        return self.name or self.external_id


# Names as they are searched, by their beginning (tasks.audience.search); in PostgreSQL by the bytes.
Index("ix_recipients_name", func.lower(Recipient.name).label("lower_name"), postgresql_ops={"lower_name": "text_pattern_ops"})


class Device(Model):
    """A push token (or a Firebase installation id) of one person. A token lives with the last person it came with."""

    __tablename__ = "devices"
    __table_args__ = (
        # "= 1" as queries say it on SQLite: it uses a partial index only where its condition stands in the query.
        Index("ix_devices_active", "recipient_id", postgresql_where=text("is_active"), sqlite_where=text("is_active = 1")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"))
    token: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text, default="token")  # token or fid
    platform: Mapped[str] = mapped_column(Text, default="")  # android, ios, web
    is_active: Mapped[bool] = mapped_column(default=True)
    off_reason: Mapped[str] = mapped_column(Text, default="")  # the provider's word that switched it off
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)

    recipient: Mapped[Recipient] = relationship(back_populates="devices")

    def __str__(self) -> str:
        return f"{self.platform or self.kind} …{self.token[-6:]}"


class OptOut(Model):
    """A person does not want a type on a channel; channel "*" means on none (in-app rows are still written)."""

    __tablename__ = "opt_outs"

    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True)
    notification_type: Mapped[str] = mapped_column(Text, primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True, default="*")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
