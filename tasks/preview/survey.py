"""A template tried on a real audience, a batch at a time: longest, shortest and failing texts, and who takes which side."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select

from tasks.audience.reach import FIELDS, Person
from tasks.database import reading
from tasks.errors import CarillonError
from tasks.models import Recipient
from tasks.preview.shown import Fault, fault_of
from tasks.render import Rendered
from tasks.rendering.branches import Watched
from tasks.rendering.limits import EMAIL_HTML, SMS_TEXT
from tasks.rendering.sms import SmsSize, measure
from tasks.rendering.version import CompiledVersion

CAP = 20_000  # people
SECONDS = 6.0
FIRST, BATCH = 200, 1_000  # people in a batch: the first one answers quickly
EXAMPLES = 3  # people named
REASONS = 20  # kinds of failure told apart
_COLUMNS = (Recipient.id, *(getattr(Recipient, name) for name in FIELDS))


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as an example."""

    id: str
    name: str


@dataclass(slots=True)
class Some:
    """How many people, and a few of them."""

    count: int = 0
    examples: list[Someone] = field(default_factory=list)

    def add(self, person: Person) -> None:
        """One more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(Someone(person.external_id, person.name))


@dataclass(frozen=True, slots=True)
class Extreme:
    """The shortest or longest text of a part: characters (SMS: units, see `size`), and whose it is."""

    length: int
    person: Someone
    text: str
    size: SmsSize | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """An SMS by its segments first: they are what it costs."""
        return (self.size.segments if self.size else 0, self.length)


@dataclass(slots=True)
class Survey:
    """What is known so far. `ended`: nobody is left; else it was cut off at the cap or for time."""

    seen: int = 0
    ended: bool = False
    shortest: dict[str, Extreme] = field(default_factory=dict)
    longest: dict[str, Extreme] = field(default_factory=dict)
    segments: dict[int, int] = field(default_factory=dict)  # SMS: segments, people
    failing: dict[tuple[str, str], tuple[Fault, Some]] = field(default_factory=dict)
    sides: dict[tuple[str, int], dict[int, Some]] = field(default_factory=dict)  # (part, condition): side

    @property
    def failed(self) -> int:
        """People for whom it fails."""
        return sum(some.count for _, some in self.failing.values())


def survey(
    sources: Mapping[str, str], data: Mapping[str, Any], where: ColumnElement[bool], parts: Sequence[str], *,
    cap: int = CAP, seconds: float = SECONDS,
) -> Iterator[Survey]:
    """The same survey after each batch, in the order of the people's numbers, until all, `cap` or `seconds` are through.

    Raises InvalidTemplate, or InvalidData where `data` is not plain, before the first one.
    """
    version, watched = CompiledVersion(sources), Watched(sources)
    found, after, until = Survey(), 0, time.monotonic() + seconds
    while not found.ended and found.seen < cap and time.monotonic() < until:
        size = min(BATCH if found.seen else FIRST, cap - found.seen)
        people = _page(where, after, size)
        _look(found, version, watched, data, people, parts)
        after = people[-1].pk if people else after
        found.ended = len(people) < size
        yield found


def _page(where: ColumnElement[bool], after: int, size: int) -> list[Person]:
    query = select(*_COLUMNS).where(where, Recipient.id > after).order_by(Recipient.id).limit(size)
    with reading() as connection:
        return [Person(*row) for row in connection.execute(query)]


def _look(
    found: Survey, version: CompiledVersion, watched: Watched, data: Mapping[str, Any], people: Sequence[Person],
    parts: Sequence[str],
) -> None:
    fields = [person.fields() for person in people]
    for person, result in zip(people, version.render_many(data, fields, parts), strict=True):
        if isinstance(result, CarillonError):
            _fail(found, person, result)
        else:
            _measure(found, person, result, parts)
    for part in watched.parts:  # by itself: marks make a text longer than it is
        for person, result in zip(people, watched.version.render_many(data, fields, (part,)), strict=True):
            if not isinstance(result, CarillonError):
                for place, sides in watched.taken(part, getattr(result, part)).items():
                    for side in sides:
                        found.sides.setdefault(place, {}).setdefault(side, Some()).add(person)
    found.seen += len(people)


def _fail(found: Survey, person: Person, error: CarillonError) -> None:
    fault = fault_of("", error)
    key = (fault.part, fault.message)
    if key not in found.failing and len(found.failing) >= REASONS:
        key, fault = ("", ""), Fault("", "Other reasons.")
    found.failing.setdefault(key, (fault, Some()))[1].add(person)


def _measure(found: Survey, person: Person, rendered: Rendered, parts: Sequence[str]) -> None:
    for part in parts:
        if part == EMAIL_HTML:
            continue
        text: str = getattr(rendered, part)
        size = measure(text) if part == SMS_TEXT else None
        if size:
            found.segments[size.segments] = found.segments.get(size.segments, 0) + 1
        one = Extreme(size.units if size else len(text), Someone(person.external_id, person.name), text, size)
        if part not in found.shortest or one.rank < found.shortest[part].rank:
            found.shortest[part] = one
        if part not in found.longest or one.rank > found.longest[part].rank:
            found.longest[part] = one
