"""The members of a static list, added and removed by the caller's own ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.sql.dml import ReturningDelete

from tasks.audience.plain import storable
from tasks.errors import UnknownRecipient
from tasks.extensions import db
from tasks.models import Recipient, SegmentMember

Item = TypeVar("Item")

PAGE = 500  # ids in one statement
MOST = 20_000  # ids in one form


@dataclass(frozen=True, slots=True)
class Pasted:
    """Ids as they were pasted, one a line: whom they mean (recipients.id), and the lines that mean nobody."""

    people: list[int]
    bad: list[tuple[int, str, str]]  # line, what stands there, what is wrong


def read_pasted(text: str) -> Pasted:
    """Look every line up. Raises UnknownRecipient where there are too many."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    found = _known(list(dict.fromkeys(one for _, one in lines)), "ids")
    bad = [(number, one[:80], "Nobody has this id.") for number, one in lines if one not in found]
    return Pasted(list(dict.fromkeys(found[one] for _, one in lines if one in found)), bad)


def put_on(segment_id: int, people: list[int]) -> int:
    """Add people (recipients.id) to a list; the caller commits. Returns how many are new."""
    added = 0
    for page in _pages(people):
        on_it = set(db.session.scalars(select(SegmentMember.recipient_id).where(*_members(segment_id, page))))
        rows = [{"segment_id": segment_id, "recipient_id": pk} for pk in page if pk not in on_it]
        added += len(rows)
        if rows:
            db.session.execute(insert(SegmentMember), rows)
    return added


def take_off(segment_id: int, people: list[int]) -> int:
    """Take people (recipients.id) off a list; the caller commits. Returns how many were on it."""
    return sum(len(db.session.scalars(_leaving(segment_id, page)).all()) for page in _pages(people))


def add_members(segment_id: int, text: str) -> int:
    """Add the people whose ids stand in `text`, one a line; the caller commits. Returns how many are new.

    Raises UnknownRecipient naming the ids nobody has; then nothing is added.
    """
    return put_on(segment_id, list(_people(text, "add").values()))


def remove_members(segment_id: int, text: str) -> int:
    """Remove the people whose ids stand in `text`, one a line; the caller commits. Returns how many were on the list.

    Raises UnknownRecipient as `add_members`.
    """
    return take_off(segment_id, list(_people(text, "remove").values()))


def _leaving(segment_id: int, people: list[int]) -> ReturningDelete[int]:
    return delete(SegmentMember).where(*_members(segment_id, people)).returning(SegmentMember.recipient_id)


def _members(segment_id: int, people: list[int]) -> tuple[ColumnElement[bool], ...]:
    return SegmentMember.segment_id == segment_id, SegmentMember.recipient_id.in_(people)


def _people(text: str, field: str) -> dict[str, int]:
    ids = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    found = _known(ids, field)
    missing = [one for one in ids if one not in found]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        remedy = "Correct these lines, or create the people first."
        raise UnknownRecipient(f"Nobody is known by {shown}.", field=field, remedy=remedy)
    return found


def _known(ids: list[str], field: str) -> dict[str, int]:
    """Those of the ids that somebody has, with their recipients.id, in the order of `ids`."""
    if len(ids) > MOST:
        raise UnknownRecipient(f"{len(ids)} ids are too many.", field=field, remedy=f"Give at most {MOST} at a time.")
    found: dict[str, int] = {}
    for page in _pages([one for one in ids if storable(one)]):
        known = select(Recipient.external_id, Recipient.id).where(Recipient.external_id.in_(page))
        found.update((external_id, pk) for external_id, pk in db.session.execute(known))
    return found


def _pages(items: list[Item]) -> Iterator[list[Item]]:
    return (items[start : start + PAGE] for start in range(0, len(items), PAGE))
