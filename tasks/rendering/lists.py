"""Filters on lists and mappings, and the default for what is not there."""

from collections.abc import Callable
from typing import Any

from jinja2 import Undefined

from tasks.rendering.budget import Budget, weigh
from tasks.rendering.numbers import calculate
from tasks.rendering.problem import Unusable
from tasks.rendering.text import named, texted


def default(budget: Budget, value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    """`{{ name|default("friend") }}`: for what is missing or null; with true as second argument for what is empty, too."""
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return default_value
    return value


def length(budget: Budget, value: Any) -> int:
    """`{{ items|length }}`: how many items, or characters."""
    if not isinstance(value, (str, list, tuple, dict, range)):
        raise Unusable(f"a {named(value)} has no length")
    return len(value)


def first(budget: Budget, value: Any) -> Any:
    """`{{ items|first }}`: the first item, or letter."""
    return _one(value, 0)


def last(budget: Budget, value: Any) -> Any:
    """`{{ items|last }}`: the last item, or letter."""
    return _one(value, -1)


def _one(value: Any, index: int) -> Any:
    if not isinstance(value, (str, list, tuple, range)):
        raise Unusable(f"a list is needed here, not a {named(value)}")
    if not value:
        raise Unusable("the list is empty: ask first, {% if items %}")
    return value[index]


def join(budget: Budget, value: Any, separator: Any = "", attribute: Any = None) -> str:
    """`{{ items|join(", ", attribute="name") }}`: one text of all of them."""
    pieces = [texted(item) for item in listed(budget, value, attribute)]
    between = texted(separator)
    budget.text(sum(map(len, pieces)) + len(between) * len(pieces))
    return between.join(pieces)


def total(budget: Budget, value: Any, attribute: Any = None) -> Any:
    """`{{ items|sum(attribute="price") }}`: all of them added."""
    result: Any = 0
    for item in listed(budget, value, attribute):
        result = calculate(budget, "+", result, item)
    return result


def ordered(budget: Budget, value: Any, reverse: Any = False, attribute: Any = None) -> list[Any]:
    """`{% for item in items|sort(attribute="price") %}`: numbers first, texts without regard to capitals."""
    keys = [_rank(key) for key in listed(budget, value, attribute)]
    budget.spend(4 * weigh([key for _, key in keys], budget.left))
    items = listed(budget, value)
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    return [items[place] for place in order]


def _rank(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, (int, float)) else (1, texted(value).casefold())


def pairs(budget: Budget, value: Any) -> list[tuple[str, Any]]:
    """`{% for name, value in attributes|items %}`: the pairs of a mapping."""
    if not isinstance(value, dict):
        raise Unusable(f"items needs a mapping, not a {named(value)}")
    budget.spend(len(value))
    return list(value.items())


def listed(budget: Budget, value: Any, attribute: Any = None) -> list[Any]:
    """The items of a list or the keys of a mapping, or one field of each. Raises Unusable for anything else."""
    if not isinstance(value, (list, tuple, dict, range)):
        raise Unusable(f"a list is needed here, not a {named(value)}")
    budget.spend(len(value))
    if attribute is None:
        return list(value)
    keys = texted(attribute).split(".")
    budget.spend(len(value) * len(keys))
    return [_field(item, keys) for item in value]


def _field(item: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(item, dict) or key not in item:
            raise Unusable(f"an item of the list has no field {key[:40]!r}")
        item = item[key]
    return item


LIST_FILTERS: dict[str, Callable[..., Any]] = {
    "default": default, "d": default, "length": length, "count": length, "first": first, "last": last, "join": join,
    "sum": total, "sort": ordered, "items": pairs,
}
