"""Outgoing webhooks: where a service wants to hear what became of its messages, and every call to it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks.extensions import Model
from tasks.models.types import BigKey, Json, UtcDateTime, utcnow

WAITING = text("state in ('queued', 'retrying', 'sending')")


class Webhook(Model):
    """An address that is told of events, signed by Standard Webhooks."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    events: Mapped[list[str]] = mapped_column(Json, default=list)  # types it wants; empty: all
    secrets: Mapped[list[Any]] = mapped_column(Json, default=list)  # encrypted, newest first; all of them sign
    is_active: Mapped[bool] = mapped_column(default=True)
    off_reason: Mapped[str] = mapped_column(Text, default="")  # why it was switched off by itself
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)

    def __str__(self) -> str:
        return self.url


class WebhookCall(Model):
    """One event for one address, written in the transaction of what happened, so that none is lost; and how its tries went."""

    __tablename__ = "webhook_calls"
    __table_args__ = (
        Index("ix_webhook_calls_waiting", "next_attempt_at", postgresql_where=WAITING, sqlite_where=WAITING),
        Index("ix_webhook_calls_webhook_id", "webhook_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(Text)  # like delivery.sent
    event_id: Mapped[str] = mapped_column(Text)  # the same on every try: the receiver drops repeats by it
    payload: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(Text, default="queued")  # queued, sending, retrying, sent, failed
    attempt_count: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[int | None]  # HTTP status of the last answer
    answer: Mapped[str] = mapped_column(Text, default="")  # its beginning, or why there was none
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    webhook: Mapped[Webhook] = relationship()

    def __str__(self) -> str:
        return f"{self.event} {self.state}"
