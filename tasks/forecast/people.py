"""Exactly whom a broadcast would reach: their ids at one moment, their digest, and who came or went since a plan."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from tasks.audience import frozen
from tasks.database import reading
from tasks.models import Recipient, SendPlanPage

EXAMPLES = 3  # people of a difference who are named


@dataclass(frozen=True, slots=True)
class People:
    """An audience at one moment. `lists`: its ids in their order, a few hundred to a text, comma-separated (7 bytes a person)."""

    digest: str
    count: int
    lists: tuple[str, ...]

    def ids(self, numbers: Iterable[int]) -> Iterator[list[int]]:
        """The lists of these numbers, read."""
        return (_read(self.lists[number]) for number in numbers)


@dataclass(frozen=True, slots=True)
class Moved:
    """How many people came into an audience and left it since a plan was made, and some of either, by the caller's ids."""

    entered: int
    left: int
    entered_examples: tuple[str, ...]
    left_examples: tuple[str, ...]


def look(connection: Connection, where: ColumnElement[bool]) -> People:
    """Who matches at this moment."""
    lists = tuple(",".join(map(str, some)) for some in frozen.look(connection, where))
    digest = hashlib.sha256()
    for text in lists:
        digest.update(f"{text},".encode())
    count = sum(text.count(",") + 1 for text in lists)
    return People(digest.hexdigest(), count, lists)


def keep(connection: Connection, plan_id: int, people: People) -> None:
    """Write the lists of a plan."""
    as_array = connection.dialect.name == "postgresql"
    rows = [
        {
            "plan_id": plan_id, "last_id": int(text.rpartition(",")[2]), "count": text.count(",") + 1,
            "people": _read(text) if as_array else f"[{text}]",
        }
        for text in people.lists
    ]
    if rows:
        connection.execute(insert(SendPlanPage), rows)


def moved(connection: Connection, plan_id: int, now: People) -> Moved:
    """How the audience differs from a plan's."""
    entered: list[int] = []
    left: list[int] = []
    came = went = 0
    for pk, is_new in _differing(_kept(connection, plan_id), (pk for ids in now.ids(range(len(now.lists))) for pk in ids)):
        some = entered if is_new else left
        came, went = came + is_new, went + (not is_new)
        if len(some) < EXAMPLES:
            some.append(pk)
    return Moved(came, went, _named(connection, entered), _named(connection, left))


def named(plan_id: int) -> Iterator[tuple[str, str]]:
    """The id and the name of everybody of a plan, in the order of the send, a list at a time."""
    after = 0
    while True:
        with reading() as connection:
            page = select(SendPlanPage.last_id, SendPlanPage.people).where(SendPlanPage.plan_id == plan_id)
            row = connection.execute(page.where(SendPlanPage.last_id > after).order_by(SendPlanPage.last_id).limit(1)).first()
            if row is None:
                return
            after, ids = row.last_id, json.loads(row.people) if isinstance(row.people, str) else row.people
            people = select(Recipient.external_id, Recipient.name).where(Recipient.id.in_(ids)).order_by(Recipient.id)
            found = [(one.external_id, one.name) for one in connection.execute(people)]
        yield from found


def _kept(connection: Connection, plan_id: int) -> Iterator[int]:
    pages = select(SendPlanPage.people).where(SendPlanPage.plan_id == plan_id).order_by(SendPlanPage.last_id)
    for people in connection.execute(pages).scalars():
        yield from (json.loads(people) if isinstance(people, str) else people)


def _differing(before: Iterator[int], now: Iterator[int]) -> Iterator[tuple[int, bool]]:
    """Of two rising rows of numbers those that stand in only one: (number, whether it is in `now`)."""
    one, other = next(before, None), next(now, None)
    while one is not None or other is not None:
        if one == other:
            one, other = next(before, None), next(now, None)
        elif other is None or (one is not None and one < other):
            assert one is not None
            yield one, False
            one = next(before, None)
        else:
            yield other, True
            other = next(now, None)


def _named(connection: Connection, pks: list[int]) -> tuple[str, ...]:
    rows = connection.execute(select(Recipient.id, Recipient.external_id).where(Recipient.id.in_(pks)))
    names = {row.id: row.external_id for row in rows}
    return tuple(names.get(pk) or "(deleted)" for pk in pks)


def _read(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


def as_json(found: Moved) -> dict[str, Any]:
    """A difference as the API tells it."""
    return {
        "entered": found.entered, "left": found.left,
        "entered_examples": list(found.entered_examples), "left_examples": list(found.left_examples),
    }
