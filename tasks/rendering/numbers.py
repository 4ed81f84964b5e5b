"""Filters and operators on numbers. A number that came as text ("10.50") is fit for the filters, not for the operators."""

import operator
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tasks.rendering.budget import Budget
from tasks.rendering.limits import MAX_DIGITS
from tasks.rendering.problem import Unusable
from tasks.rendering.text import named, texted, whole

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod,
}
TOO_BIG = 10**MAX_DIGITS
REQUIRED: Any = object()
COST = 10  # steps; decimal arithmetic is slow


def calculate(budget: Budget, sign: str, left: Any, right: Any) -> Any:
    """One operator of a template: numbers, or `+` between two texts. Raises Unusable."""
    budget.spend(1)
    if isinstance(left, str) and isinstance(right, str) and sign == "+":
        budget.text(len(left) + len(right))
        return left + right
    for side in (left, right):
        if not isinstance(side, (int, float)):
            raise Unusable(f"{sign} needs numbers, not a {named(side)}; use |float, or ~ to put texts together")
    if right == 0 and sign in ("/", "//", "%"):
        raise Unusable("a number is divided by zero")
    result = OPERATORS[sign](left, right)  # both sides are bounded: it is at most twice as long
    if not -TOO_BIG < result < TOO_BIG:
        raise Unusable(f"{sign} gives a number of more than {MAX_DIGITS} digits")
    return result


def exact(budget: Budget, value: Any) -> Decimal:
    """The number in a value, exactly. Raises Unusable where it is none, or of an unusual size."""
    budget.spend(COST)
    if isinstance(value, bool) or value is None:
        raise Unusable(f"a number is needed here, not a {named(value)}")
    text = texted(value).strip()
    if len(text) > 2 * MAX_DIGITS:
        raise Unusable(f"{text[:40]!r} and so on is not a number of a usual size")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Unusable(f"{text!r} is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise Unusable(f"{text!r} is not a number of a usual size")
    return number


def integer(budget: Budget, value: Any, default: Any = REQUIRED) -> Any:
    """`{{ amount|int }}`: a whole number, cut off after the point; `int(0)`: 0 for what is not a number."""
    return _converted(budget, value, default, int)


def decimal(budget: Budget, value: Any, default: Any = REQUIRED) -> Any:
    """`{{ amount|float * 2 }}`: a number to calculate with; `float(0)`: 0 for what is not a number."""
    return _converted(budget, value, default, float)


def _converted(budget: Budget, value: Any, default: Any, kind: Callable[[Decimal], Any]) -> Any:
    try:
        return kind(exact(budget, value))
    except Unusable:
        if default is REQUIRED:
            raise
        return default


def rounded(budget: Budget, value: Any, precision: Any = 0) -> float:
    """`{{ amount|round(2) }}`: half is rounded up. There is always a point: add `|int` for a whole number."""
    return float(_quantized(budget, value, precision))


def money(budget: Budget, value: Any, symbol: Any = "", decimals: Any = 2) -> str:
    """`{{ amount|money("₹") }}`: ₹1,234.50, always with its decimals; `money("¥", 0)`: ¥1,235."""
    number = _quantized(budget, value, decimals)
    return f"{'-' if number < 0 else ''}{texted(symbol)}{abs(number):,f}"


def _quantized(budget: Budget, value: Any, precision: Any) -> Decimal:
    if not 0 <= whole(precision, "the number of decimals") <= 12:
        raise Unusable("the number of decimals must be between 0 and 12")
    try:
        return exact(budget, value).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)
    except InvalidOperation:
        raise Unusable("the number has too many digits to be rounded") from None


def absolute(budget: Budget, value: Any) -> Any:
    """`{{ change|abs }}`: without its sign."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unusable(f"abs needs a number, not a {named(value)}")
    return abs(value)


NUMBER_FILTERS: dict[str, Callable[..., Any]] = {
    "int": integer, "float": decimal, "round": rounded, "money": money, "abs": absolute,
}
