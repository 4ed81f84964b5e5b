"""The members of a static list, added and removed by the caller's own ids."""

from collections.abc import Iterator
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.sql.dml import ReturningDelete

from tasks.errors import UnknownRecipient
from tasks.extensions import db
from tasks.models import Recipient, SegmentMember

Item = TypeVar("Item")

PAGE = 500  # ids in one statement
MOST = 20_000  # ids in one form


def add_members(segment_id: int, text: str) -> int:
    """Add the people whose ids stand in `text`, one a line; the caller commits. Returns how many are new.

    Raises UnknownRecipient naming the ids nobody has; then nothing is added.
    """
    people = _people(text, "add")
    known: set[int] = set()
    for page in _pages(list(people.values())):
        known.update(db.session.scalars(select(SegmentMember.recipient_id).where(*_members(segment_id, page))))
    rows = [{"segment_id": segment_id, "recipient_id": pk} for pk in people.values() if pk not in known]
    if rows:
        db.session.execute(insert(SegmentMember), rows)
    return len(rows)


def remove_members(segment_id: int, text: str) -> int:
    """Remove the people whose ids stand in `text`, one a line; the caller commits. Returns how many were on the list.

    Raises UnknownRecipient as `add_members`.
    """
    pages = _pages(list(_people(text, "remove").values()))
    return sum(len(db.session.scalars(_leaving(segment_id, page)).all()) for page in pages)


def _leaving(segment_id: int, people: list[int]) -> ReturningDelete[int]:
    return delete(SegmentMember).where(*_members(segment_id, people)).returning(SegmentMember.recipient_id)


def _members(segment_id: int, people: list[int]) -> tuple[ColumnElement[bool], ...]:
    return SegmentMember.segment_id == segment_id, SegmentMember.recipient_id.in_(people)


def _people(text: str, field: str) -> dict[str, int]:
    ids = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if len(ids) > MOST:
        raise UnknownRecipient(f"{len(ids)} ids are too many.", field=field, remedy=f"Give at most {MOST} at a time.")
    found: dict[str, int] = {}
    for page in _pages(ids):
        known = select(Recipient.external_id, Recipient.id).where(Recipient.external_id.in_(page))
        found.update((external_id, pk) for external_id, pk in db.session.execute(known))
    missing = [one for one in ids if one not in found]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        remedy = "Correct these lines, or create the people first."
        raise UnknownRecipient(f"Nobody is known by {shown}.", field=field, remedy=remedy)
    return found


def _pages(items: list[Item]) -> Iterator[list[Item]]:
    return (items[start : start + PAGE] for start in range(0, len(items), PAGE))
