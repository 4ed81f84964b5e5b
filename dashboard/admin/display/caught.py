"""Where a broadcast stands in the safety catch, in words: (title, text, tone), and what its page shows of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from dashboard.admin.display.times import ago, clock, span
from tasks.extensions import db
from tasks.models import Broadcast, BroadcastApproval, Operator, TemplateVersion
from tasks.models.broadcast import LIVE
from tasks.models.types import utcnow
from tasks.models.words import AWAITING_APPROVAL, VOID
from tasks.safety.approval import MAY_APPROVE

MOST_WAITING = 50  # broadcasts listed
MOST_NAMED = 5  # operators who could approve
Tone = Literal["info", "success", "warning", "danger"]
Told = tuple[str, str, Tone]


@dataclass(frozen=True, slots=True)
class Approval:
    """The latest question for approval. `may`: the one who looks at it may answer; `could`: some others who may."""

    latest: BroadcastApproval
    is_open: bool
    may: bool
    barred: bool
    could: tuple[str, ...]


def approval(row: Broadcast, email: str, role: str) -> Approval | None:
    """What the page shows of a broadcast's approval to an operator; None where nobody was ever asked."""
    latest = _latest(row.pk)
    if latest is None:
        return None
    is_open = row.state == AWAITING_APPROVAL and not latest.answer
    barred = email.lower() in latest.barred
    others = select(Operator.email).where(
        Operator.is_active, Operator.role.in_(MAY_APPROVE), Operator.email.not_in([*latest.barred, email.lower()])
    )
    could = db.session.scalars(others.order_by(Operator.email).limit(MOST_NAMED)) if is_open else ()
    return Approval(latest, is_open, is_open and not barred and role in MAY_APPROVE, barred, tuple(could))


def waiting() -> list[tuple[Broadcast, BroadcastApproval]]:
    """The broadcasts that wait for a second person, each with its latest question, the oldest first."""
    names = joinedload(Broadcast.template_version).joinedload(TemplateVersion.template)
    held = select(Broadcast).where(LIVE, Broadcast.state == AWAITING_APPROVAL).order_by(Broadcast.pk).limit(MOST_WAITING)
    rows = {row.pk: row for row in db.session.scalars(held.options(names))}
    asked = select(BroadcastApproval).where(BroadcastApproval.broadcast_id.in_(rows)).order_by(BroadcastApproval.number)
    latest = {one.broadcast_id: one for one in db.session.scalars(asked)}
    return [(row, latest[pk]) for pk, row in rows.items() if pk in latest]


def begun(row: Broadcast) -> str:
    """What to say to somebody who has just pressed Send."""
    if row.state == AWAITING_APPROVAL:
        return "Asked: it waits for a second person."
    if undo_left(row):
        return "Sent. You can still take it back."
    return "Scheduled." if row.send_at else "Started."


def undo_left(row: Broadcast) -> float:
    """Seconds in which it can still be taken back; 0 where it cannot, or not any more."""
    return max(0.0, (row.undo_until - utcnow()).total_seconds()) if row.undo_until else 0.0


def awaiting(row: Broadcast) -> Told:
    """It waits for a second person."""
    latest = _latest(row.pk)
    if latest is not None and latest.answer == VOID:
        return "The approval is void", "Something moved since it was asked for, so nothing was sent. Below is what.", "warning"
    overdue = row.send_at is not None and row.send_at <= utcnow()
    late = f" It was due {ago(row.send_at)}: once approved it starts at once." if overdue and row.send_at else ""
    tone: Tone = "warning" if late else "info"
    return "Waits for a second person", f"Nothing goes out before somebody else has approved it.{late}", tone


def canary(row: Broadcast) -> Told:
    """Its first people have it, and the others wait for how they fare."""
    title = f"The first {row.canary_people:,} have it; the others wait" if row.canary_people else ""
    if row.canary_settled_at is not None and row.canary_wait:
        at = row.canary_settled_at + timedelta(seconds=row.canary_wait)
        return title, f"All have their result. The rest follows at {clock(at)}, {ago(at)}, unless too many fail.", "info"
    share = f"If more than {row.canary_share:.0%} of them fail on a channel, it stops by itself."
    follows = "a human says so" if row.canary_wait is None else (
        f"{span(row.canary_wait)} have passed after their last result" if row.canary_wait else "all of them have a result"
    )
    return title, f"{share} Else the rest follows as soon as {follows}.", "info"


def _latest(pk: int) -> BroadcastApproval | None:
    asked = select(BroadcastApproval).where(BroadcastApproval.broadcast_id == pk)
    return db.session.scalar(asked.order_by(BroadcastApproval.number.desc()).limit(1))
