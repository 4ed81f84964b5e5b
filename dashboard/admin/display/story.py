"""Where a broadcast stands, in words: one sentence that says it, and one that says what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from dashboard.admin.display import caught
from dashboard.admin.display.labels import channel_label
from dashboard.admin.display.progress import CANARY, Progress, opening
from dashboard.admin.display.times import ago, clock, operator_zone, span
from tasks.autopause import ACTOR
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast
from tasks.models.words import (
    AWAITING_APPROVAL,
    CANCELLED,
    COMPLETED,
    EXPANDING,
    FAILED,
    GOOD,
    MISSED,
    OPEN_STATES,
    PAUSED,
    QUEUED,
    RETRYING,
    SCHEDULED,
    SENDING,
    UNCLEAR,
)
from tasks.schedule import zone

PRESSES = {
    "pause": "paused", "resume": "resumed", "cancel": "cancelled", "start": "started", "finish": "started one more round of",
    "undo": "took back", "approve": "approved", "reject": "rejected", "ask again": "asked again about", "void": "voided",
}


@dataclass(frozen=True, slots=True)
class Story:
    """`kind` is the tone in which it is shown."""

    title: str
    text: str = ""
    kind: Literal["info", "success", "warning", "danger"] = "info"


def story(row: Broadcast, far: Progress) -> Story:
    """Where a broadcast stands now, in the operator's own time."""
    return TELLERS[row.state](row, far)


def place_time(row: Broadcast) -> str:
    """When it starts, in its own zone: "09:00 on Tue 24 Nov, Europe/Berlin"."""
    assert row.send_at is not None
    return f"{clock(row.send_at, zone(row.timezone))}, {row.timezone or 'UTC'}"


def last_press(pk: int, action: str | None = None) -> AuditEntry | None:
    """Who did something to a broadcast last (or did `action` last)."""
    query = select(AuditEntry).where(AuditEntry.object_type == "broadcast", AuditEntry.object_id == str(pk))
    query = query.where(AuditEntry.action == action) if action else query
    return db.session.scalar(query.order_by(AuditEntry.id.desc()).limit(1))


def too_late(pk: int, actor: str, action: str | None = None) -> str:
    """What to say to somebody whose button came second: who was first, and when."""
    entry = last_press(pk, action)
    if entry is None:
        return "It is not in a state for that any more."
    who = "You" if entry.actor == actor else (entry.actor or "Somebody")
    did = f"{PRESSES.get(entry.action, entry.action)} it at {clock(entry.at)}, {ago(entry.at)}"
    return f"{who} {did}. Nothing was done a second time."


def _scheduled(row: Broadcast, _far: Progress) -> Story:
    if row.send_at is None:
        return Story("Waits for its time")
    there = place_time(row)
    here = "" if (row.timezone or "UTC") == (operator_zone() or "UTC") else f"That is {clock(row.send_at)} where you are, "
    return Story(f"Waits for {there}", f"{here or 'It starts '}{ago(row.send_at)}. Who belongs to the audience is settled then.")


def _missed(row: Broadcast, _far: Progress) -> Story:
    when = f"It was due at {place_time(row)}, {ago(row.send_at)}. " if row.send_at else ""
    return Story("Its time passed while the server was off", f"{when}Nothing was sent. Send it now, or cancel it.", "warning")


def _queued(row: Broadcast, far: Progress) -> Story:
    if caught.undo_left(row):
        return Story("Sent, and can be taken back", "Nothing is written before the seconds are over, on this page or off it.")
    if "window" in far.holds:
        return _waits_for_window(row)
    return Story("Starts in a moment", "A worker settles who belongs to the audience, then writes the messages.")


def _awaiting(row: Broadcast, _far: Progress) -> Story:
    return Story(*caught.awaiting(row))


def _expanding(row: Broadcast, far: Progress) -> Story:
    if CANARY in far.holds:
        return Story(*caught.canary(row))
    if not far.frozen:
        return Story("Settles the audience", "Who belongs to it is copied now: later changes do not move it.")
    if "window" in far.holds:
        return _waits_for_window(row)
    return Story("Writing and sending", "Messages go out while the rest is being written.")


def _sending(row: Broadcast, far: Progress) -> Story:
    if "window" in far.holds:
        return _waits_for_window(row)
    again = f"Round {row.round}: sending again" if row.round > 1 else "Sending"
    held = [name for name in far.holds if name in far.channels]
    if held and far.open == sum(far.channels[name].get(state, 0) for name in held for state in OPEN_STATES):
        names = " and ".join(channel_label(name) for name in held)
        return Story(f"Waits for {names}", "Everybody else has theirs; the rest goes out as soon as the provider answers.")
    if far.open and far.open == far.among((RETRYING,)):
        return Story("Waits for retries", "What is left failed for the moment; each is tried again after a while.")
    return Story(again, "Every message is written; the rest is on its way." if far.open else "About to finish.")


def _waits_for_window(row: Broadcast) -> Story:
    opens, place = opening(row), row.timezone or "UTC"
    verb = "goes on" if row.started_at else "starts"
    goes_on = f"It {verb} at {clock(opens, zone(row.timezone))}, {place}, {ago(opens)}. " if opens else ""
    return Story("Waits for its window", f"{goes_on}Messages go out from {row.window_start} to {row.window_end} only.")


def _paused(row: Broadcast, far: Progress) -> Story:
    entry, rest = last_press(row.pk, "pause"), f"{_deliveries(far.open)} {'waits' if far.open == 1 else 'wait'}."
    if row.canary_verdict in {GOOD, UNCLEAR} and not row.canary_ended_at:
        return Story("The first people have it; the rest waits for you", f"{row.pause_reason} Send to the rest, or cancel.")
    if row.pause_reason or (entry and entry.actor == ACTOR):
        at = f" at {clock(entry.at)}" if entry else ""
        return Story(
            f"Paused itself{at}: too much failed",
            f"{row.pause_reason} {rest} Resume when it is mended: what failed so far is then forgiven.", "warning",
        )
    who = f" by {entry.actor} at {clock(entry.at)}" if entry else ""
    return Story(f"Paused{who}", f"{rest} What a provider had in hand still went out; nothing after it.", "warning")


def _completed(row: Broadcast, far: Progress) -> Story:
    took = ""
    if row.finished_at and row.started_at and row.round == 1:
        seconds = max((row.finished_at - row.started_at).total_seconds(), 0.001)
        took = f"It took {span(max(seconds, 1))}, {far.total / seconds:,.0f} deliveries a second. "
    if not far.audience:
        return Story("Nobody belonged to the audience", "So nothing was sent.")
    if far.troubled:
        return Story(
            f"Finished: {far.done:,} went out, {far.troubled:,} did not get through",
            f"{took}Below is why, and you can send again to just those.", "warning",
        )
    return Story("Finished: everything went out", f"{took}Sent, skipped and the rest add up to the audience.", "success")


def _cancelled(row: Broadcast, far: Progress) -> Story:
    if row.started_at is None and row.detail:
        return Story("Nothing was sent", row.detail)
    entry = last_press(row.pk, "cancel")
    who = f" by {entry.actor} at {clock(entry.at)}" if entry else ""
    left = "The rest is being taken out of the queue." if far.open else "The rest stays unsent."
    return Story(f"Cancelled{who}", f"{_deliveries(far.done)} had gone out. {left}")


def _failed(row: Broadcast, _far: Progress) -> Story:
    return Story("It could not go on", row.detail or "No reason was kept.", "danger")


def _deliveries(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"


TELLERS: dict[str, Callable[[Broadcast, Progress], Story]] = {
    AWAITING_APPROVAL: _awaiting,
    SCHEDULED: _scheduled, MISSED: _missed, QUEUED: _queued, EXPANDING: _expanding, SENDING: _sending, PAUSED: _paused,
    COMPLETED: _completed, CANCELLED: _cancelled, FAILED: _failed,
}
