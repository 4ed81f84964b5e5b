"""Notifications: one person's message, and its place in the inbox."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks import public_id
from tasks.extensions import Model
from tasks.models.broadcast import Broadcast
from tasks.models.recipient import Recipient
from tasks.models.template import Template, TemplateVersion
from tasks.models.types import BigKey, Json, UtcDateTime, utcnow

if TYPE_CHECKING:
    from tasks.models.delivery import Delivery

UNREAD = text("read_at is null and archived_at is null and deleted_at is null")
OF_BROADCAST = text("broadcast_id is not null")
TESTS = text("is_test")
REPEATS = text("resent_from is not null")


class Notification(Model):
    """One person's message. Where a broadcast has one text for all, title, message and data are kept there, once."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_recipient_id", "recipient_id", "id"),
        Index("ix_notifications_unread", "recipient_id", postgresql_where=UNREAD, sqlite_where=UNREAD),
        Index(
            "uq_notifications_broadcast_id_recipient_id",
            "broadcast_id",
            "recipient_id",
            unique=True,
            postgresql_where=OF_BROADCAST,
            sqlite_where=OF_BROADCAST,
        ),
        Index("ix_notifications_template_version_id", "template_version_id", "id"),  # the last sends of a template
        Index("ix_notifications_tests", "id", postgresql_where=TESTS, sqlite_where=TESTS),
        Index("ix_notifications_resent_from", "resent_from", postgresql_where=REPEATS, sqlite_where=REPEATS),
        {"sqlite_autoincrement": True},  # an id is never used twice: inbox cursors and public ids rest on it
    )

    pk: Mapped[int] = mapped_column("id", BigKey, primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"))
    template_version_id: Mapped[int] = mapped_column(ForeignKey("template_versions.id"))
    broadcast_id: Mapped[int | None] = mapped_column(ForeignKey("broadcasts.id"))
    own_title: Mapped[str | None] = mapped_column("title", Text)
    own_message: Mapped[str | None] = mapped_column("message", Text)
    own_data: Mapped[dict[str, Any] | None] = mapped_column("data", Json)
    recipient_fields: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what the template read of the person, then
    channel: Mapped[str | None] = mapped_column(Text)  # the outside channel the caller asked for; none: by rule
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_test: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # in no figure
    is_trial: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # an operator's test send: it leaves
    resent_from: Mapped[int | None] = mapped_column(BigKey)  # the message that somebody sent again as this one; it may be pruned

    user: Mapped[Recipient] = relationship()
    broadcast: Mapped[Broadcast | None] = relationship()
    template_version: Mapped[TemplateVersion] = relationship()
    deliveries: Mapped[list["Delivery"]] = relationship(back_populates="notification", order_by="Delivery.pk")

    @property
    def id(self) -> uuid.UUID:
        """The public id."""
        return public_id.encode(public_id.NOTIFICATION, self.pk)

    @property
    def template(self) -> Template:
        """The template it was made from; `template_version` is the exact text."""
        return self.template_version.template

    @property
    def notification_type(self) -> str:
        """The type, as it was when the message was made."""
        return self.template_version.notification_type

    @property
    def title(self) -> str:
        """The rendered title."""
        return self.own_title if self.own_title is not None else (self.broadcast and self.broadcast.title) or ""

    @property
    def message(self) -> str:
        """The rendered message."""
        return self.own_message if self.own_message is not None else (self.broadcast and self.broadcast.message) or ""

    @property
    def data(self) -> dict[str, Any]:
        """The variables it was rendered with: the broadcast's, overlaid with the person's own."""
        shared = self.broadcast.data if self.broadcast else {}
        return {**shared, **(self.own_data or {})}

    @property
    def is_read(self) -> bool:
        """True once the person opened it."""
        return self.read_at is not None

    def __str__(self) -> str:
        return self.title


class InboxChange(Model):
    """That a person's messages were marked: web processes whom the news did not reach find it here (tasks.live.stream)."""

    __tablename__ = "inbox_changes"

    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(default=1)  # one more with each change
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
