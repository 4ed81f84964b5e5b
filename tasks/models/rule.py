"""Rules: which channels ring for a notification type, and how long they try."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from tasks.extensions import Model
from tasks.models.types import Json, UtcDateTime, utcnow


class Rule(Model):
    """One row a type. No row for a type means in-app only."""

    __tablename__ = "rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    notification_type: Mapped[str] = mapped_column(Text, unique=True)
    channels: Mapped[list[str]] = mapped_column(Json, default=list)  # besides in-app: push, sms, email
    retry_delays: Mapped[list[int] | None] = mapped_column(Json)  # seconds; none: the setting
    expires_after: Mapped[int | None]  # seconds; none: 24 h for broadcasts, else no end
    on_unknown: Mapped[str | None] = mapped_column(Text)  # hold, retry, ask; none: hold
    mandatory: Mapped[bool] = mapped_column(default=False)  # ignores opt-outs
    priority: Mapped[int] = mapped_column(default=5)  # 0 first, 9 last
    offline_only: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")  # channels for who is not online
    escalate: Mapped[dict[str, int]] = mapped_column(Json, default=dict, server_default="{}")  # channel: seconds
    description: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1, server_default="1")  # compare-and-set: of two who change it one is first
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)

    # Raised with every change; a change over another one than was read raises StaleDataError.
    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.notification_type
