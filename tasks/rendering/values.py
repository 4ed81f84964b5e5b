"""Data as templates see it: plain JSON values only, copied, bounded, and the same after a trip through the database."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from tasks.errors import InvalidData
from tasks.rendering.limits import MAX_DATA_DEPTH, MAX_DATA_ITEMS, MAX_DATA_TEXT, MAX_DIGITS

BIGGEST = 10**MAX_DIGITS
LESS = "Send less data with one message."


def plain(data: Mapping[str, Any], field: str = "data") -> dict[str, Any]:
    """A copy of `data` that holds text, numbers, booleans, none, lists and mappings only.

    It is what the template gets and what can be stored, so that a message made again from the database is the same. Dates and
    times become ISO 8601 text; Decimal and UUID become their text (10.50 stays 10.50); enums give their value. Raises
    InvalidData, naming the place, for anything else and for data that is too big or too deep.
    """
    try:
        if not isinstance(data, Mapping):
            raise _Unfit(f"is a {type(data).__name__}, not a mapping of names to values")
        if _is_short_text(data):
            return dict(data)
        copied: dict[str, Any] = _Copy().value(data, 0)
    except _Unfit as unfit:
        path = ".".join([field, *reversed(unfit.path)])
        raise InvalidData(f"{path} {unfit.reason}.", field=path, remedy=unfit.remedy) from None
    return copied


def _is_short_text(data: Mapping[str, Any]) -> bool:
    """True for names and short texts that need no closer look: most of what is known of a person, a million times over."""
    words = [*data.keys(), *data.values()]
    if len(words) > MAX_DATA_ITEMS or any(type(word) is not str for word in words):
        return False
    whole = "".join(words)
    return len(whole) <= MAX_DATA_TEXT and whole.isascii() and "\0" not in whole


class _Unfit(Exception):
    def __init__(self, reason: str, remedy: str = "Give text, numbers, booleans, null, lists or objects.") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.path: list[str] = []  # from the inside out


class _Copy:
    """One walk through the data, counting what it meets."""

    def __init__(self) -> None:
        self.items = MAX_DATA_ITEMS
        self.text = MAX_DATA_TEXT

    def value(self, value: Any, depth: int) -> Any:
        self.items -= 1
        if self.items < 0:
            raise _Unfit(f"is too big: more than {MAX_DATA_ITEMS} values", LESS)
        kind = type(value)
        if kind is str:
            return self.string(value)
        if kind is int:
            return _integer(value)
        if value is None or kind is bool:
            return value
        if kind is float:
            return _finite(value)
        if depth >= MAX_DATA_DEPTH:
            raise _Unfit(f"is nested more than {MAX_DATA_DEPTH} levels deep", "Flatten the data.")
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return self.sequence(value, depth)
        return self.other(value, depth)

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copied = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise _Unfit(f"has the key {str(key)[:40]!r}, which is not text", "Use text as keys.")
            try:
                copied[self.string(key)] = self.value(item, depth + 1)
            except _Unfit as unfit:
                unfit.path.append(key[:80])
                raise
        return copied

    def sequence(self, value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        copied = []
        for index, item in enumerate(value):
            try:
                copied.append(self.value(item, depth + 1))
            except _Unfit as unfit:
                unfit.path.append(str(index))
                raise
        return copied

    def other(self, value: Any, depth: int) -> Any:
        """Subclasses of the plain types, and the few others that have one obvious text."""
        if isinstance(value, Enum):
            return self.value(value.value, depth + 1)
        if isinstance(value, str):  # Markup too: data is never trusted to be HTML
            return self.string(str.__str__(value))
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, Decimal):
            return _decimal(value)
        if isinstance(value, int):
            return _integer(int(value))
        if isinstance(value, float):
            return _finite(float(value))
        raise _Unfit(f"is a {type(value).__name__}, which no template can use", "Pass the fields that the template needs.")

    def string(self, value: str) -> str:
        self.text -= len(value)
        if self.text < 0:
            raise _Unfit(f"is too big: more than {MAX_DATA_TEXT} characters in all", LESS)
        if "\0" in value:
            raise _Unfit("has a NUL character, which cannot be stored", "Remove it.")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise _Unfit("has half a surrogate pair, which is not valid Unicode", "Send valid UTF-8.") from None
        return value


def _integer(value: int) -> int:
    if not -BIGGEST < value < BIGGEST:
        raise _Unfit(f"has more than {MAX_DIGITS} digits", "Send it as text.")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _Unfit("is not a finite number", "Send a number, or null.")
    return value


def _decimal(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS or len(value.as_tuple().digits) > 2 * MAX_DIGITS:
        raise _Unfit("is not a number of a usual size", "Send a number, or null.")
    return f"{value:f}"
