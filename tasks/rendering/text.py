"""Filters that make a text out of a text. The docstrings are shown to operators: after the colon, what comes out."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined

from tasks.rendering.budget import Budget
from tasks.rendering.problem import Unusable

WORD = re.compile(r"\S+")
MAX_CHARS = 20  # that trim takes off


def texted(value: Any) -> str:
    """The text of a single value; none is empty. Raises Unusable for lists and mappings, MissingName for what is not there."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    raise Unusable(f"a {named(value)} cannot be written as text; name one of its fields, or join it")


def named(value: Any) -> str:
    """What a value is, in an operator's words."""
    if isinstance(value, dict):
        return "mapping"
    if isinstance(value, (list, tuple, range)):
        return "list"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else "null" if value is None else type(value).__name__


def whole(value: Any, name: str) -> int:
    """An argument that must be a whole number. Raises Unusable."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable(f"{name} must be a whole number, not a {named(value)}")
    return value


def upper(budget: Budget, value: Any) -> str:
    """`{{ code|upper }}`: capital letters."""
    return texted(value).upper()


def lower(budget: Budget, value: Any) -> str:
    """`{{ email|lower }}`: small letters."""
    return texted(value).lower()


def capitalize(budget: Budget, value: Any) -> str:
    """`{{ word|capitalize }}`: the first letter large, the others small."""
    return texted(value).capitalize()


def title(budget: Budget, value: Any) -> str:
    """`{{ name|title }}`: the first letter of every word large, the others small."""
    text = texted(value)
    budget.spend(len(text))
    return WORD.sub(lambda word: word.group().capitalize(), text)


def trim(budget: Budget, value: Any, chars: Any = None) -> str:
    """`{{ name|trim }}`: no white space at the ends; `trim("./")`: none of these characters at the ends."""
    if chars is None:
        return texted(value).strip()
    if len(texted(chars)) > MAX_CHARS:
        raise Unusable(f"trim takes at most {MAX_CHARS} characters")
    return texted(value).strip(texted(chars))


def truncate(budget: Budget, value: Any, length: Any = 255, killwords: Any = False, end: Any = "...") -> str:
    """`{{ text|truncate(80) }}`: at most so many characters, cut between words; inside one with true as second argument."""
    text, ending = texted(value), texted(end)
    longest = whole(length, "length")
    if len(text) <= longest:
        return text
    kept = max(longest - len(ending), 0)
    inside_word = not killwords and text[kept : kept + 1] != " "
    return (text[:kept].rsplit(" ", 1)[0] if inside_word else text[:kept]) + ending


def replace(budget: Budget, value: Any, old: Any, new: Any) -> str:
    """`{{ text|replace("old", "new") }}`: every occurrence replaced."""
    text, gone, put = texted(value), texted(old), texted(new)
    if not gone:
        raise Unusable("replace needs a text to look for")
    budget.text(len(text))
    budget.text(len(text) + text.count(gone) * (len(put) - len(gone)))
    return text.replace(gone, put)


def urlencode(budget: Budget, value: Any) -> str:
    """`https://shop.example/?code={{ code|urlencode }}`: safe inside an address."""
    text = texted(value)
    budget.text(len(text) * 12)
    return quote(text, safe="")


TEXT_FILTERS: dict[str, Callable[..., Any]] = {
    "upper": upper, "lower": lower, "capitalize": capitalize, "title": title, "trim": trim, "truncate": truncate,
    "replace": replace, "urlencode": urlencode,
}
