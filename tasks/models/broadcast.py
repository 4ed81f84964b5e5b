"""Broadcasts: one message to an audience, its progress, its people and its counters."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Double, ForeignKey, Index, Text, and_, or_, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks import public_id
from tasks.extensions import Model
from tasks.models.template import TemplateVersion
from tasks.models.types import BigKey, IdList, Json, UtcDateTime, db_clock, utcnow
from tasks.models.words import COMPLETED, QUEUED

LIVE = text("state not in ('completed', 'cancelled', 'failed')")


class Broadcast(Model):
    """One message to many. It is also the content row of its notifications where the text is the same for all."""

    __tablename__ = "broadcasts"
    __table_args__ = (
        Index("ix_broadcasts_live", "state", postgresql_where=LIVE, sqlite_where=LIVE),
        {"sqlite_autoincrement": True},
    )

    pk: Mapped[int] = mapped_column("id", primary_key=True)
    template_version_id: Mapped[int] = mapped_column(ForeignKey("template_versions.id"))
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    title: Mapped[str | None] = mapped_column(Text)  # rendered once, where no variable is the recipient's
    message: Mapped[str | None] = mapped_column(Text)
    audience: Mapped[Any] = mapped_column(Json)  # "all", "subscribed", a segment's slug or a definition, as asked
    audience_label: Mapped[str] = mapped_column(Text, default="")  # in words
    audience_definition: Mapped[Any] = mapped_column(Json, nullable=True)  # what it meant when the sending started
    channels: Mapped[list[str] | None] = mapped_column(Json)  # forced channels; none: the rule decides
    state: Mapped[str] = mapped_column(Text, default=QUEUED)
    state_before_pause: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, default="")  # why it failed, in words
    version: Mapped[int] = mapped_column(default=1)  # compare-and-set: one of two who press Send wins
    cursor: Mapped[int] = mapped_column(default=0)  # last recipient of the frozen audience who has rows
    source_cursor: Mapped[str | None] = mapped_column(Text)  # next page of the outside source; "" when it is copied
    is_test: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # of a test key: nothing leaves
    plan_hash: Mapped[str | None] = mapped_column(Text)  # the dry run that it is held to: exactly those people get it
    audience_count: Mapped[int] = mapped_column(default=0)  # people in the frozen audience; 0 until frozen_at is set
    expanded_count: Mapped[int] = mapped_column(default=0)  # of them, those who have rows: all once expanded_at is set
    created_by: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    send_at_local: Mapped[str | None] = mapped_column(Text)  # the wall clock's time as asked for, in `timezone`
    timezone: Mapped[str] = mapped_column(Text, default="")  # IANA; of send_at_local and the window. Empty: UTC
    window_start: Mapped[str | None] = mapped_column(Text)  # HH:MM in `timezone`: nothing goes out before it ...
    window_end: Mapped[str | None] = mapped_column(Text)  # ... or from this time on; earlier than the start: over midnight
    opens_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the window's opening that is now or comes next ...
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # ... and its end; none: no window
    rate_per_minute: Mapped[int | None]  # messages handed to providers, over all channels and workers; none: no limit
    pause_reason: Mapped[str] = mapped_column(Text, default="")  # why it paused by itself; empty: somebody paused it
    pause_baseline: Mapped[dict[str, Any] | None] = mapped_column(Json)  # counters at the last resume
    undo_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # nothing of it is written before; none: no such grace
    canary_people: Mapped[int | None]  # so many of the audience go first; none: all at once
    canary_share: Mapped[float | None] = mapped_column(Double)  # of them: where more fail on a channel it stops
    canary_wait: Mapped[int | None]  # seconds from the canary's last result until the rest follows; none: a human says when
    canary_verdict: Mapped[str] = mapped_column(Text, default="", server_default="")  # words.GOOD, BAD, UNCLEAR; empty: not yet
    canary_settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # everything of the canary has its result
    canary_ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the rest was let go
    round: Mapped[int] = mapped_column(default=1)  # raised each time the job is finished: failed rows are sent again
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    frozen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # who belongs to the audience was settled
    expanded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # everybody of it has rows
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    template_version: Mapped[TemplateVersion] = relationship()
    is_broadcast = True

    @property
    def id(self) -> uuid.UUID:
        """The public id."""
        return public_id.encode(public_id.BROADCAST, self.pk)

    @property
    def is_finished(self) -> bool:
        """True once every row of it is closed."""
        return self.state == COMPLETED

    def __str__(self) -> str:
        return f"{self.template_version.template.slug} #{self.pk}"


def window_is_open() -> ColumnElement[bool]:
    """The condition that a broadcast has no window, or is in it, by the database's clock."""
    return or_(Broadcast.closes_at.is_(None), and_(Broadcast.opens_at <= db_clock(), Broadcast.closes_at > db_clock()))


def may_begin() -> ColumnElement[bool]:
    """The condition that a broadcast is in its window, and the seconds are over in which who sent it may take it back."""
    return and_(window_is_open(), or_(Broadcast.undo_until.is_(None), Broadcast.undo_until <= db_clock()))


def canary_holds() -> ColumnElement[bool]:
    """The condition that a broadcast's first people have their rows, and the others get none before its canary has ended."""
    unended = and_(Broadcast.canary_people.is_not(None), Broadcast.canary_ended_at.is_(None))
    return and_(unended, Broadcast.expanded_count >= Broadcast.canary_people)


class BroadcastMember(Model):
    """A person copied from the outside source, before the audience is frozen: a source that changes cannot shift pages."""

    __tablename__ = "broadcast_members"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True)


class BroadcastPage(Model):
    """A few hundred people of a frozen audience, in the order of their ids (tasks.audience.frozen).

    Lists, because a row a person would cost as much as the message's own: a million people are 2,000 rows of 4 kB.
    """

    __tablename__ = "broadcast_pages"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True)
    last_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # the highest recipients.id in it
    count: Mapped[int]
    people: Mapped[Any] = mapped_column(IdList)


class BroadcastRound(Model):
    """One more round over the rows that did not get through: who asked for it, for which of them, how many there were."""

    __tablename__ = "broadcast_rounds"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 2 is the first: 1 was the broadcast itself
    chosen: Mapped[list[Any]] = mapped_column(Json, default=list)  # [[channel, state, reason], ...] that are sent again
    count: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[int] = mapped_column(BigKey, default=0)  # the last delivery that was put back into the queue
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # all of them are; none: a worker is at it
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class BroadcastApproval(Model):
    """A question whether a broadcast may go, bound to what would be sent when it was asked, and a second person's answer."""

    __tablename__ = "broadcast_approvals"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # above 1: asked anew
    plan_hash: Mapped[str] = mapped_column(Text)
    audience_count: Mapped[int | None]  # people whom the plan means; none: not known before the sending
    asked_by: Mapped[str] = mapped_column(Text)
    barred: Mapped[list[str]] = mapped_column(Json, default=list)  # e-mails of those who had a hand in it: they may not approve
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    answer: Mapped[str] = mapped_column(Text, default="")  # words.APPROVED, REJECTED, VOID, WITHDRAWN; empty: none yet
    answered_by: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    word: Mapped[str] = mapped_column(Text, default="")  # what the answerer wrote beside it
    difference: Mapped[list[Any]] = mapped_column(Json, default=list)  # why it is void: [[what, before, after], ...]


class BroadcastCount(Model):
    """Closed deliveries of a broadcast, counted in the closing transaction, in a slot of each worker's own."""

    __tablename__ = "broadcast_counts"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
