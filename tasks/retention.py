"""What may be forgotten: what nobody reads or resumes from any more. Always the oldest first, in pages, never what is open."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, not_, or_, select, tuple_

from tasks.database import reading, writing
from tasks.models import (
    Broadcast,
    BroadcastMember,
    BroadcastPage,
    Delivery,
    Figure,
    IdempotencyKey,
    Import,
    Notification,
    Process,
    RateLimit,
    SendPlan,
    WebhookCall,
)
from tasks.models import Connection as LiveConnection
from tasks.models.types import db_clock, utcnow
from tasks.models.words import CANCELLED, COMPLETED, FAILED, OPEN_STATES

DAY = 86_400  # seconds
PROCESSES_KEPT = 1  # days
PLANS_KEPT = 7  # days: who sends with an older one has forgotten what it said
ENDED = (COMPLETED, CANCELLED, FAILED)  # states of broadcasts that nothing comes after
PAGE = 1_000  # rows in one transaction


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that grows: its name for people, its table, the columns of its key, and which rows may go."""

    name: str
    model: Any
    key: tuple[Any, ...]
    condition: Callable[[], ColumnElement[bool]]

    def count(self) -> int:
        """How many rows may go now."""
        with reading() as connection:
            return connection.scalar(select(func.count()).select_from(self.model).where(self.condition())) or 0

    def remove(self) -> int:
        """Delete them, a page a transaction. Returns how many rows went."""
        removed = 0
        while True:
            with writing() as connection:
                gone = _remove_page(connection, self.model, self.key, self.condition())
            removed += gone
            if gone < PAGE:
                return removed


def kinds(days: int) -> list[Kind]:
    """All that may go, with messages (their deliveries and attempts too) older than `days`."""
    return [
        Kind("messages, their deliveries and attempts", Notification, (Notification.pk,), lambda: _old_messages(days)),
        Kind("idempotency keys", IdempotencyKey, (IdempotencyKey.id,), lambda: _old_keys(days)),
        Kind("calls of webhooks that ended", WebhookCall, (WebhookCall.id,), lambda: _old_calls(days)),
        Kind("rate limits that nobody runs into", RateLimit, (RateLimit.name,), _idle_limits),
        Kind("live connections of processes that ended", LiveConnection, (LiveConnection.sid,), _stale_connections),
        Kind(
            "frozen audiences of broadcasts that ended", BroadcastPage, (BroadcastPage.broadcast_id, BroadcastPage.last_id),
            lambda: _old_audience(BroadcastPage.broadcast_id, days),
        ),
        Kind(
            "outside audiences copied for broadcasts that ended", BroadcastMember,
            (BroadcastMember.broadcast_id, BroadcastMember.recipient_id),
            lambda: _old_audience(BroadcastMember.broadcast_id, days),
        ),
        Kind("plans of dry runs", SendPlan, (SendPlan.id,), _old_plans),
        Kind(
            "figures of the start page", Figure, (Figure.quarter, Figure.channel),
            lambda: Figure.quarter < db_clock(-max(days, 31) * DAY),
        ),
        Kind("imports, with the bad rows of their files", Import, (Import.id,), lambda: _old_imports(days)),
        Kind("processes that ended", Process, (Process.id,), _finished_processes),
    ]


def _remove_page(connection: Connection, model: Any, key: tuple[Any, ...], condition: ColumnElement[bool]) -> int:
    page: Select[Any] = select(*key).where(condition).order_by(*key).limit(PAGE)
    return connection.execute(delete(model).where(tuple_(*key).in_(page))).rowcount


def _old_messages(days: int) -> ColumnElement[bool]:
    """Old ones with nothing open, and not of a broadcast that still runs."""
    is_open = exists().where(Delivery.notification_id == Notification.pk, Delivery.state.in_(OPEN_STATES))
    running = exists().where(Broadcast.pk == Notification.broadcast_id, Broadcast.state.not_in(ENDED))
    return and_(Notification.created_at < db_clock(-days * DAY), not_(is_open), not_(running))


def _old_audience(broadcast: Any, days: int) -> ColumnElement[bool]:
    over = (Broadcast.state.in_(ENDED), Broadcast.finished_at < db_clock(-days * DAY))
    return exists().where(Broadcast.pk == broadcast, *over)


def _old_keys(days: int) -> ColumnElement[bool]:
    """A repeat gets its answer as long as the log can show what it was."""
    return IdempotencyKey.created_at < db_clock(-days * DAY)


def _old_calls(days: int) -> ColumnElement[bool]:
    return WebhookCall.closed_at < db_clock(-days * DAY)


def _old_imports(days: int) -> ColumnElement[bool]:
    """What is wrong with a row quotes it, and a file that nobody went on with is still whole: a month at most."""
    return Import.created_at < db_clock(-min(days, 30) * DAY)


def _idle_limits() -> ColumnElement[bool]:
    """A limit whose next unit was free a day ago is full again: no row says the same."""
    return RateLimit.free_at < (utcnow() - timedelta(days=1)).timestamp()


def _old_plans() -> ColumnElement[bool]:
    """Those that no broadcast waits to take its people from. Their lists go with them."""
    awaited = exists().where(Broadcast.plan_hash == SendPlan.hash, Broadcast.frozen_at.is_(None), Broadcast.state.not_in(ENDED))
    return and_(SendPlan.created_at < db_clock(-PLANS_KEPT * DAY), not_(awaited))


def _stale_connections() -> ColumnElement[bool]:
    return exists().where(Process.id == LiveConnection.process_id, Process.ended_at.is_not(None))


def _finished_processes() -> ColumnElement[bool]:
    """Those that nothing points at. The newest row stays: SQLite would give its number to the next process."""
    newest = select(func.max(Process.id)).scalar_subquery()
    holds = exists().where(Delivery.leased_by == Process.id, Delivery.state.in_(OPEN_STATES))
    connected = exists().where(LiveConnection.process_id == Process.id)
    over = and_(Process.ended_at < db_clock(-PROCESSES_KEPT * DAY), Process.id < newest)
    return and_(over, not_(or_(holds, connected)))
