"""Plain values: text without control characters, JSON within bounds: what we accept, no database refuses."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from tasks.errors import InvalidRecipient

MAX_ATTRIBUTES = 32_768  # bytes of a person's attributes as JSON
MAX_DEPTH = 8
MAX_INTEGER = 2**63 - 1  # what SQLite compares exactly
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def plain_text(value: str, field: str, *, limit: int) -> str:
    """`value` without surrounding blanks. Raises InvalidRecipient where it is too long or holds control characters."""
    text = value.strip()
    if len(text) > limit:
        raise InvalidRecipient(f"{len(text)} characters are too many.", field=field, remedy=f"Give at most {limit}.")
    if CONTROL.search(text):
        raise InvalidRecipient(
            "It holds a line break or another control character.", field=field, remedy="Leave control characters out."
        )
    return text


def storable(text: str) -> bool:
    """False for what a database refuses as text: the NUL character and halves of surrogate pairs."""
    return not UNSTORABLE.search(text)


def storable_number(value: float) -> bool:
    """False for what JSON cannot say, and for whole numbers that SQLite would not compare exactly."""
    return abs(value) <= MAX_INTEGER if isinstance(value, int) else math.isfinite(value)


def plain_attributes(value: object, field: str) -> dict[str, Any]:
    """A copy of the mapping, checked to be JSON that both databases keep as it is. Raises InvalidRecipient."""
    if not isinstance(value, Mapping):
        raise InvalidRecipient("It is no object.", field=field, remedy='Give attributes like {"plan": "pro"}.')
    found = {key: _json(item, f"{field}.{key}", MAX_DEPTH - 1) for key, item in value.items() if _name(key, field)}
    size = len(json.dumps(found))
    if size > MAX_ATTRIBUTES:
        raise InvalidRecipient(
            f"The attributes take {size} bytes as JSON.", field=field, remedy=f"Keep them under {MAX_ATTRIBUTES} bytes."
        )
    return found


def _json(value: object, field: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, field)
    if isinstance(value, int | float):
        return _number(value, field)
    if depth > 0 and isinstance(value, Mapping):
        return {key: _json(item, f"{field}.{key}", depth - 1) for key, item in value.items() if _name(key, field)}
    if depth > 0 and isinstance(value, list | tuple):
        return [_json(item, f"{field}.{index}", depth - 1) for index, item in enumerate(value)]
    detail = f"A {type(value).__name__} is not JSON." if depth > 0 else "It is nested too deeply."
    raise InvalidRecipient(
        detail, field=field, remedy=f"Use text, numbers, true, false, null, lists and objects, up to {MAX_DEPTH} deep."
    )


def _text(value: str, field: str) -> str:
    if not storable(value):
        raise InvalidRecipient(
            "It holds a character that cannot be stored.", field=field, remedy="Leave \\u0000 and half surrogates out."
        )
    return value


def _number(value: float, field: str) -> float:
    if not storable_number(value):
        raise InvalidRecipient("It is infinite or has more than 63 bits.", field=field, remedy="Send it as text.")
    return value


def _name(key: object, field: str) -> bool:
    if not isinstance(key, str) or not key or not storable(key):
        raise InvalidRecipient(f"{key!r} cannot name an attribute.", field=field, remedy="Use text that is not empty.")
    return True
