"""Segments: saved audiences, by rule or as a static list."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tasks.extensions import Model
from tasks.models.types import Json, UtcDateTime, utcnow


class Segment(Model):
    """A saved audience. With a `definition` it is a rule over recipients; without one its members are listed."""

    __tablename__ = "segments"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    definition: Mapped[dict[str, Any] | None] = mapped_column(Json)  # tasks.audience.grammar; none: static list
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)

    def __str__(self) -> str:
        return self.name


class SegmentMember(Model):
    """One person of a static list."""

    __tablename__ = "segment_members"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id", ondelete="CASCADE"), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True, index=True)
