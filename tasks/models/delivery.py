"""Deliveries, the ledger's rows, and their attempts: the delivery log."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks import public_id
from tasks.extensions import Model
from tasks.models.notification import Notification
from tasks.models.types import BigKey, UtcDateTime, utcnow
from tasks.models.words import QUEUED

DUE = text("state in ('queued', 'retrying')")
IN_HAND = text("state = 'sending'")
TROUBLE = text("state in ('failed', 'unknown', 'bounced')")
ENDED_BADLY = text("state in ('failed', 'unknown', 'bounced', 'expired', 'cancelled')")  # few, and looked for in the log


class Delivery(Model):
    """One notification on one channel. Only `tasks.ledger` changes its state."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("uq_deliveries_notification_id_channel", "notification_id", "channel", unique=True),
        # One lane = one broadcast (or none) on one channel; only what waits is in the index.
        Index(
            "ix_deliveries_due", "channel", "broadcast_id", "priority", "next_attempt_at", postgresql_where=DUE, sqlite_where=DUE
        ),
        Index("ix_deliveries_in_hand", "leased_by", postgresql_where=IN_HAND, sqlite_where=IN_HAND),
        Index("ix_deliveries_trouble", "broadcast_id", "state", "id", postgresql_where=TROUBLE, sqlite_where=TROUBLE),
        Index("ix_deliveries_ended_badly", "state", "id", postgresql_where=ENDED_BADLY, sqlite_where=ENDED_BADLY),
        {"sqlite_autoincrement": True},
    )

    pk: Mapped[int] = mapped_column("id", BigKey, primary_key=True)
    notification_id: Mapped[int] = mapped_column(BigKey, ForeignKey("notifications.id", ondelete="CASCADE"))
    broadcast_id: Mapped[int | None] = mapped_column(ForeignKey("broadcasts.id"))
    channel: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default=QUEUED)
    reason: Mapped[str] = mapped_column(Text, default="")  # a key of words.REASONS, or the provider's code
    detail: Mapped[str] = mapped_column(Text, default="")  # the provider's own words
    provider: Mapped[str] = mapped_column(Text, default="")
    attempt_count: Mapped[int] = mapped_column(default=0)
    reap_count: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=1, server_default="1")  # above 1: sent again by hand (BroadcastRound)
    unless: Mapped[str | None] = mapped_column(Text)  # "read": it is for those who have not read it when its time comes
    priority: Mapped[int] = mapped_column(default=5)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_by: Mapped[int | None]  # processes.id
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    receipt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when its provider, or the person's device, confirmed it

    notification: Mapped[Notification] = relationship(back_populates="deliveries")
    attempts: Mapped[list["Attempt"]] = relationship(back_populates="delivery", order_by="Attempt.id", passive_deletes=True)

    @property
    def id(self) -> uuid.UUID:
        """The public id: also the reference that providers get, the same on every attempt."""
        return public_id.encode(public_id.DELIVERY, self.pk)

    def __str__(self) -> str:
        return f"{self.channel} {self.state}"


class Attempt(Model):
    """One try of one delivery, at one target, with the provider's own words."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigKey, ForeignKey("deliveries.id", ondelete="CASCADE"), index=True)
    round: Mapped[int] = mapped_column(default=1, server_default="1")
    number: Mapped[int]  # within the round
    provider: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text, default="")  # masked
    device_id: Mapped[int | None]  # push: which device; no foreign key, the log outlives the device
    outcome: Mapped[str] = mapped_column(Text)  # sent, temporary, permanent, configuration, unknown
    code: Mapped[str] = mapped_column(Text, default="")
    response: Mapped[str] = mapped_column(Text, default="")
    provider_ref: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    duration_ms: Mapped[int] = mapped_column(default=0)

    delivery: Mapped[Delivery] = relationship(back_populates="attempts")
