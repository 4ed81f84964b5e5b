"""All filters and tests that a template may use, and the inner ones that the rewriting puts in."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.tests import TESTS as JINJA_TESTS

from tasks.rendering.budget import Budget, RunContext, weigh
from tasks.rendering.dates import DATE_FILTERS
from tasks.rendering.limits import MAX_BUILT, MAX_RANGE
from tasks.rendering.lists import LIST_FILTERS, default, listed
from tasks.rendering.numbers import NUMBER_FILTERS
from tasks.rendering.problem import Unusable
from tasks.rendering.text import TEXT_FILTERS, named, texted, whole

FILTERS: dict[str, Callable[..., Any]] = {**TEXT_FILTERS, **NUMBER_FILTERS, **DATE_FILTERS, **LIST_FILTERS}
TESTS = {
    name: JINJA_TESTS[name]
    for name in (
        "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping",
        "sequence", "even", "odd", "divisibleby",
    )
}

# Names with a blank in them: the lexer cannot read one, so no template can ask for these itself.
EACH, CONCAT, RANGE, CYCLE, CUT, BUILT, COMPARED = (
    "for each", "put together", "range of", "cycle through", "cut out", "built list", "compared value",
)


def each(budget: Budget, value: Any, cost: int) -> Iterator[Any]:
    """A loop's items: every turn pays for the nodes in its body."""
    spend = budget.spend
    for item in value if isinstance(value, str) else listed(budget, value):
        spend(cost)
        yield item


def concat(budget: Budget, value: list[Any]) -> str:
    """The operator ~."""
    pieces = [texted(item) for item in value]
    budget.text(sum(map(len, pieces)))
    return "".join(pieces)


def ranged(budget: Budget, value: list[Any]) -> range:
    """The function range()."""
    numbers = [whole(item, "range") for item in value]
    if len(numbers) == 3 and not numbers[2]:
        raise Unusable("range cannot take steps of 0")
    made = range(*numbers)
    if made and abs(made[-1] - made[0]) // abs(made.step) + 1 > MAX_RANGE:  # len() fails on the very long ones
        raise Unusable(f"range gives at most {MAX_RANGE} numbers")
    return made


def cycle(budget: Budget, value: int, choices: list[Any]) -> Any:
    """loop.cycle()."""
    return choices[value % len(choices)]


def cut(budget: Budget, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """A slice, `name[:3]`."""
    if not isinstance(value, (str, list, tuple)):
        raise Unusable(f"a {named(value)} has no parts to cut out")
    budget.spend(len(value) >> 3)
    return value[slice(*(None if edge is None else whole(edge, "a place") for edge in (start, stop, step)))]


def built(budget: Budget, value: Any) -> Any:
    """A list or mapping that the template writes. All that hangs on it counts: lists of lists cannot double for ever."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, Undefined):
            item._fail_with_undefined_error()
    weight = weigh(value, MAX_BUILT)
    budget.spend(weight)
    if weight > MAX_BUILT:
        raise Unusable(f"a list that the template makes holds at most {MAX_BUILT} values")
    return value


def compared(budget: Budget, value: Any) -> Any:
    """A side of a comparison that may be long: pays for walking through it."""
    budget.spend(weigh(value, budget.left))
    return value


INNER: dict[str, Callable[..., Any]] = {
    EACH: each, CONCAT: concat, RANGE: ranged, CYCLE: cycle, CUT: cut, BUILT: built, COMPARED: compared,
}


def metered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter as Jinja calls it: with the context, which also keeps Jinja from running it while it compiles."""

    @pass_context
    @functools.wraps(function)
    def call(context: RunContext, value: Any, *args: Any, **kwargs: Any) -> Any:
        if function is not default:
            for given in (value, *args, *kwargs.values()):
                if isinstance(given, Undefined):
                    given._fail_with_undefined_error()
        context.budget.spend(2 + (len(value) >> 6) if isinstance(value, str) else 2)
        return function(context.budget, value, *args, **kwargs)

    return call


METERED = {name: metered(function) for name, function in {**FILTERS, **INNER}.items()}
