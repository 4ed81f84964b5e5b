"""The fields a rule may use, as they are in this installation: attributes and values found in a bounded part of its people."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select

from tasks.audience.attribute import DEPTH, INDEX, NAME
from tasks.audience.moment import DAY_BEGINS
from tasks.database import reading
from tasks.models import Recipient, Rule, Template

Kind = Literal["text", "number", "boolean", "date", "mixed"]
PLACES, EACH = 10, 100  # so many looks, spread over everybody, at so many people
MOST_ATTRIBUTES, MOST_VALUES, LONGEST_VALUE = 100, 20, 60
PLACED = ("country", "locale", "timezone")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its path below `attributes.`, the kind of its values, and those that come again and again."""

    name: str
    kind: Kind
    share: float  # of the people looked at who have it
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What a builder of rules offers."""

    attributes: tuple[Attribute, ...]
    values: Mapping[str, tuple[str, ...]]  # of country, locale and timezone
    types: tuple[str, ...]  # notification types


def known() -> Known:
    """Look at no more than PLACES * EACH people, however many there are: their attributes, and values that repeat."""
    people = list(_people())
    found: dict[str, list[Any]] = {}
    for row in people:
        for path, value in _paths(row.attributes, ()):
            found.setdefault(path, []).append(value)
    ordered = sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:MOST_ATTRIBUTES]
    attributes = tuple(
        Attribute(path, _kind(values), len(values) / len(people), _repeated(values)) for path, values in sorted(ordered)
    )
    placed = {name: _repeated([value for row in people if (value := getattr(row, name))]) for name in PLACED}
    return Known(attributes, placed, _types())


def _people() -> Iterator[Any]:
    columns = (Recipient.id, Recipient.attributes, *(getattr(Recipient, name) for name in PLACED))
    with reading() as connection:
        low, high = connection.execute(
            select(select(func.min(Recipient.id)).scalar_subquery(), select(func.max(Recipient.id)).scalar_subquery())
        ).one()
        after = 0
        for place in range(PLACES if high else 0):
            start = max(after, low + (high - low) * place // PLACES - 1)
            some = select(*columns).where(Recipient.id > start, Recipient.is_active).order_by(Recipient.id).limit(EACH)
            rows = connection.execute(some).all()
            after = rows[-1].id if rows else after
            yield from rows


def _paths(value: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Paths that a rule can name, with what is there; lists and empty values have none."""
    for name, item in value.items():
        if not NAME.fullmatch(name) or (above and INDEX.fullmatch(name)):
            continue
        if isinstance(item, Mapping) and len(above) + 1 < DEPTH:
            yield from _paths(item, (*above, name))
        elif isinstance(item, str | int | float) and item != "":
            yield ".".join((*above, name)), item


def _kind(values: list[Any]) -> Kind:
    kinds = {_one_kind(value) for value in values}
    if kinds == {"date", "text"}:
        return "text"
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _one_kind(value: object) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "date" if DAY_BEGINS.match(value) else "text"
    return "number"


def _repeated(values: list[Any]) -> tuple[Any, ...]:
    """Values that more than one person has, the most frequent first: what belongs to one person alone is nobody's business."""
    counted = Counter(value for value in values if isinstance(value, str) and len(value) <= LONGEST_VALUE)
    several = [value for value, count in counted.most_common(MOST_VALUES) if count > 1]
    return tuple(several)


def _types() -> tuple[str, ...]:
    with reading() as connection:
        of_rules = select(Rule.notification_type).order_by(Rule.notification_type).limit(MOST_ATTRIBUTES)
        of_templates = select(Template.notification_type).distinct().order_by(Template.notification_type).limit(MOST_ATTRIBUTES)
        names = {*connection.execute(of_rules).scalars(), *connection.execute(of_templates).scalars()}
    return tuple(sorted(names))
