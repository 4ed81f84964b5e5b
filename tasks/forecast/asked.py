"""What a template asks to be told: each variable with its kind, guessed from what was sent before, and values it had."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, select

from tasks.database import reading
from tasks.forecast.optional import shape
from tasks.models import Broadcast, Notification, TemplateVersion
from tasks.render import CompiledVersion
from tasks.rendering.limits import PARTS

NUMBER: Final = "number"
DATE: Final = "date"
YES_NO: Final = "boolean"
TEXT: Final = "text"
LONG: Final = "long"  # a text of several lines
NESTED: Final = "json"  # a list or an object
UNKNOWN: Final = "auto"  # nothing was sent yet: a number where the text is one
KINDS: Final = (NUMBER, DATE, YES_NO, TEXT, LONG, NESTED, UNKNOWN)

SENDS, VERSIONS, EXAMPLES = 50, 20, 8
LONGEST_EXAMPLE = 80  # characters of a text that is one line
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


Payloads = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `seen`: how many past sends its kind was read from. `examples`: what it was in the last broadcasts, newest
    first, as texts; what single people were sent is nobody else's business.
    """

    name: str
    kind: str = UNKNOWN
    is_required: bool = True
    examples: tuple[str, ...] = ()
    seen: int = 0


def asked(version: CompiledVersion, template_id: int | None) -> list[Variable]:
    """The variables of a compiled version, without `recipient`, in alphabetical order; `template_id` None: never sent yet."""
    needed, nested = shape(tuple(zip(PARTS, version.sources, strict=True)))
    crowd, single = _past(template_id) if template_id is not None else ([], [])
    return [_variable(name, crowd, single, name in needed, name in nested) for name in sorted(version.variables)]


def read(text: str, kind: str) -> Any:
    """A variable's value from what was typed. Raises ValueError saying what it must look like."""
    if kind == NUMBER:
        return _number(text)
    if kind == YES_NO:
        if text not in {"true", "false"}:
            raise ValueError("Choose yes or no.")
        return text == "true"
    if kind == DATE:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError("Write a date like 2026-01-31.") from None
    if kind == NESTED:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"This is no JSON: {error}. Write a list like [1, 2] or an object like {{\"a\": 1}}.") from None
    return _plainly(text) if kind == UNKNOWN else text


def _number(text: str) -> int | float:
    plain = text.strip()
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", plain, re.ASCII):
        raise ValueError("This is no number. Write digits, like 1250 or 12.50.")
    return float(plain) if "." in plain else int(plain)


def _plainly(text: str) -> Any:
    """A number where the text is exactly how that number is written, else the text: 007 and 1.50 stay as typed."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and text not in {"inf", "nan", "-inf"}:
            return number
    return text


def _variable(name: str, crowd: Payloads, single: Payloads, is_required: bool, is_nested: bool) -> Variable:
    shared = [data[name] for data in crowd if data.get(name) is not None]
    values = shared + [data[name] for data in single if data.get(name) is not None]
    if not values:
        return Variable(name, NESTED if is_nested else UNKNOWN, is_required)
    texts = dict.fromkeys(_shown(value) for value in shared)
    return Variable(name, _kind(values), is_required, tuple(texts)[:EXAMPLES], len(values))


def _kind(values: Sequence[Any]) -> str:
    if any(isinstance(value, (list, dict)) for value in values):
        return NESTED
    if all(isinstance(value, bool) for value in values):
        return YES_NO
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return NUMBER
    if not all(isinstance(value, str) for value in values):
        return UNKNOWN
    if all(DAY.fullmatch(value) for value in values):
        return DATE
    return LONG if any("\n" in value or len(value) > LONGEST_EXAMPLE for value in values) else TEXT


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _past(template_id: int) -> tuple[Payloads, Payloads]:
    """The data of the last broadcasts, and of the last single messages among its newest sends. Tests do not count."""
    newest = select(TemplateVersion.id).where(TemplateVersion.template_id == template_id).order_by(TemplateVersion.number.desc())
    single: list[Any] = []
    with reading() as connection:
        versions = connection.scalars(newest.limit(VERSIONS)).all()
        shared = select(Broadcast.data).where(Broadcast.template_version_id.in_(versions), Broadcast.is_test.is_(False))
        crowd = connection.scalars(shared.order_by(Broadcast.pk.desc()).limit(EXAMPLES)).all()
        for version in versions:
            if len(single) >= SENDS:
                break
            single += connection.scalars(_single(version)).all()
    return [data for data in crowd if isinstance(data, dict)], [data for data in single[:SENDS] if isinstance(data, dict)]


def _single(version: int) -> Select[Any]:
    """The data of single messages among the newest sends of a version: a broadcast's million is not walked through."""
    newest = select(Notification.pk).where(Notification.template_version_id == version)
    some = newest.order_by(Notification.pk.desc()).limit(10 * SENDS)
    found = select(Notification.own_data).where(
        Notification.pk.in_(some), Notification.is_test.is_(False), Notification.broadcast_id.is_(None)
    )
    return found.order_by(Notification.pk.desc()).limit(SENDS)
