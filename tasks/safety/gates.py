"""The gates in front of a broadcast: the typed number of people, and above which number a second person is asked."""

from datetime import datetime, timedelta
from typing import Any

from tasks.config import settings
from tasks.errors import WrongCount
from tasks.models.words import QUEUED
from tasks.options import SendOptions


def needs_typing(count: int | None) -> bool:
    """True where so many people must be typed at the desk. None: nobody can know the number yet, so nobody can type it."""
    above = settings().confirm_above
    return bool(above) and count is not None and count > above


def needs_approval(count: int | None) -> bool:
    """True where a broadcast to so many people waits for a second person. None, not known before the sending, is too many."""
    above = settings().approve_above
    return bool(above) and (count is None or count > above)


def confirm(count: int, said: int | None, field: str) -> None:
    """Raise WrongCount naming `field` where somebody believes that it goes to another number of people (None: did not say)."""
    if said == count:
        return
    people = f"{count:,} {'person' if count == 1 else 'people'}"
    detail = f"It goes to {people}." if said is None else f"You said {said:,}, and it goes to {people}."
    raise WrongCount(detail, field=field, remedy=f"Write {count} if that is meant, or change the audience.", count=count)


def columns(options: SendOptions, state: str, now: datetime) -> dict[str, Any]:
    """What a new broadcast's row keeps of the safety catch, given the `state` that its times mean."""
    canary = options.canary
    grace = timedelta(seconds=options.undo_seconds)
    kept: dict[str, Any] = {"undo_until": now + grace if grace and state == QUEUED else None}
    if canary is not None:
        share = settings().canary_share if canary.share is None else canary.share
        kept |= {"canary_people": canary.people, "canary_share": share, "canary_wait": canary.wait}
    return kept
