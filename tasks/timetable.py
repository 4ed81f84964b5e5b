"""When a broadcast may run: its start, the guard for late ones, its window's next opening, and the words for all that."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from tasks import outbox
from tasks.config import settings
from tasks.database import reading, writing
from tasks.errors import InvalidOption
from tasks.models import AuditEntry, Broadcast
from tasks.models.types import AnyRow, db_clock
from tasks.models.words import AWAITING_APPROVAL, EXPANDING, MISSED, PAUSED, QUEUED, SCHEDULED, SENDING
from tasks.options import SendOptions
from tasks.schedule import Window, zone

ACTOR = "timetable"  # who calls a broadcast missed, in the audit
FARTHEST = timedelta(days=366)
RUNNING = (QUEUED, EXPANDING, SENDING)
WINDOW = (Broadcast.window_start, Broadcast.window_end, Broadcast.timezone)  # the columns of it


def columns(options: SendOptions, lasts: float, now: datetime) -> dict[str, Any]:
    """What a new broadcast's row keeps of the options about time. `lasts`: seconds from its start until its messages expire."""
    asked, window = options.starts_at, options.opening
    later = asked is not None and asked > now
    starts = asked if later and asked else now
    opens, closes = window.next(starts) if window else (None, None)
    return {
        "state": SCHEDULED if later else QUEUED,
        "send_at": asked,
        "send_at_local": _wall(options.send_at),
        "timezone": options.timezone,
        "window_start": f"{window.start:%H:%M}" if window else None,
        "window_end": f"{window.end:%H:%M}" if window else None,
        "opens_at": opens,
        "closes_at": closes,
        "rate_per_minute": options.rate_per_minute,
        "expires_at": starts + timedelta(seconds=lasts),
    }


def refuse(row: Mapping[str, Any], now: datetime) -> None:
    """Raise InvalidOption where a new broadcast's time makes no sense: long past, a year away, or over before its window opens.

    A time that has just passed is now: the call took its while.
    """
    asked, opens = row["send_at"], row["opens_at"]
    if asked is not None and asked < now - timedelta(seconds=settings().late_after):
        raise InvalidOption(
            f"send_at has passed: it was {asked:%Y-%m-%d %H:%M} UTC.", field="send_at",
            remedy="Give a time to come, or none to start now.",
        )
    if asked is not None and asked > now + FARTHEST:
        raise InvalidOption("send_at is more than a year away.", field="send_at", remedy="Give a time within a year.")
    if opens is not None and opens >= row["expires_at"]:
        raise InvalidOption(
            f"Everything would expire at {row['expires_at']:%Y-%m-%d %H:%M} UTC, "
            f"before the window opens at {opens:%Y-%m-%d %H:%M} UTC.",
            field="expires_in", remedy="Let it last longer, start it later, or open the window earlier.",
        )


def begin(row: Any) -> dict[str, Any]:
    """What changes when a human starts a scheduled or missed broadcast now (`row` has `send_at`, `expires_at`, WINDOW and `now`).

    Its messages last as long as they would have, from now or from its window's next opening on.
    """
    opens, closes = _opening(row, row.now)
    lasts = row.expires_at - row.send_at
    return {"state": QUEUED, "expires_at": max(opens or row.now, row.now) + lasts, "opens_at": opens, "closes_at": closes}


def turn() -> None:
    """What the clock does to broadcasts, looked at once a second by every worker; an idle look writes nothing.

    Scheduled ones whose time has come are queued; those found late, beyond LATE_AFTER, are `missed` and wait for a human. A
    window that has closed gets its next opening.
    """
    late = settings().late_after
    closed = and_(Broadcast.state.in_((*RUNNING, PAUSED)), Broadcast.closes_at <= db_clock())
    with reading() as connection:
        if connection.execute(select(Broadcast.pk).where(or_(_come(0), closed)).limit(1)).first() is None:
            return
    with writing() as connection:
        missed = update(Broadcast).where(_come(late)).values(state=MISSED, version=Broadcast.version + 1)
        for pk, asked in connection.execute(missed.returning(Broadcast.pk, Broadcast.send_at)).all():
            _note(connection, pk, asked)
        connection.execute(update(Broadcast).where(_come(0)).values(state=QUEUED, version=Broadcast.version + 1))
        rows = connection.execute(select(Broadcast.pk.label("pk"), *WINDOW, db_clock().label("now")).where(closed)).all()
        for row in rows:
            opens, closes = _opening(row, row.now)
            connection.execute(update(Broadcast).where(Broadcast.pk == row.pk).values(opens_at=opens, closes_at=closes))


def outlook(row: Broadcast, now: datetime) -> tuple[str, datetime | None]:
    """What a broadcast waits for, in words ("" where it runs or has ended), and the next instant at which something happens."""
    if row.state == MISSED:
        return "a decision: its time passed while nothing could send it. Resume it to send now, or cancel it", None
    if row.state == AWAITING_APPROVAL:
        return "a second person's approval, which an operator with the role sender gives at the desk", None
    if row.state == QUEUED and row.undo_until is not None and row.undo_until > now:
        return "the seconds in which it can be taken back", row.undo_until
    if row.state == SCHEDULED and row.send_at is not None:
        at = max(row.send_at, row.opens_at or row.send_at)
        return moment_words(at, row.timezone), at
    if row.state in RUNNING and row.opens_at is not None and row.opens_at > now:
        return moment_words(row.opens_at, row.timezone, now), row.opens_at
    return "", None


def moment_words(moment: datetime, timezone: str, now: datetime | None = None) -> str:
    """A moment by the clock of a zone: 09:00 Europe/Berlin, with its date where that is not today's (of `now`)."""
    local = moment.astimezone(zone(timezone))
    today = now is not None and local.date() == now.astimezone(zone(timezone)).date()
    return f"{local:%H:%M}{'' if today else f' on {local:%Y-%m-%d}'} {timezone or 'UTC'}"


def _come(late: float) -> ColumnElement[bool]:
    """Scheduled, and its time came `late` seconds ago or earlier: its window's first opening, where it has one."""
    since = db_clock(-late)
    opened = or_(Broadcast.opens_at.is_(None), Broadcast.opens_at <= since)
    return and_(Broadcast.state == SCHEDULED, Broadcast.send_at <= since, opened)


def _opening(row: AnyRow, now: datetime) -> tuple[datetime | None, datetime | None]:
    if row.window_start is None or row.window_end is None:
        return None, None
    return Window.parse(row.window_start, row.window_end, row.timezone).next(now)


def _wall(moment: datetime | None) -> str | None:
    """A wall clock's time as it was asked for."""
    return None if moment is None or moment.tzinfo else moment.isoformat(" ", "minutes")


def _note(connection: Connection, pk: int, asked: datetime | None) -> None:
    reason = f"Its time, {asked:%Y-%m-%d %H:%M} UTC, passed while nothing could send it."
    entry = {"actor": ACTOR, "action": "missed", "object_type": "broadcast", "object_id": str(pk)}
    connection.execute(insert(AuditEntry).values(**entry, at=db_clock(), changes={"reason": ["", reason]}))
    outbox.broadcast(connection, pk, MISSED, reason=reason)
