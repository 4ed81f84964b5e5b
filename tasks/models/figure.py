"""What the start page charts: figures of a quarter of an hour, written by a worker, so that no page counts a million rows."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from tasks.extensions import Model
from tasks.models.types import Json, UtcDateTime


class Figure(Model):
    """One channel in one quarter of an hour: every zone's hours and days are made of whole ones (Kathmandu's begin at :15)."""

    __tablename__ = "figures"

    quarter: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)  # its beginning
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    sent: Mapped[int] = mapped_column(default=0)  # messages whose last try in it got through
    failed: Mapped[int] = mapped_column(default=0)  # ... failed, bounced or is in doubt
    retried: Mapped[int] = mapped_column(default=0)  # ... will be tried again
    waiting: Mapped[int] = mapped_column(default=0)  # open deliveries when it was last looked at
    waits: Mapped[list[int]] = mapped_column(Json, default=list)  # first tries by their wait, see tasks.figures.EDGES


class SeenSetting(Model):
    """A setting as a process last started with it, so that a changed environment shows in the audit. Never a secret."""

    __tablename__ = "seen_settings"

    name: Mapped[str] = mapped_column(Text, primary_key=True)  # CARILLON_...
    value: Mapped[str] = mapped_column(Text)  # of a secret: only a keyed fingerprint
