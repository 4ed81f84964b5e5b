"""One rule of a segment, read from JSON: its field, its operator and its values, checked and bounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.audience.plain import storable, storable_number
from tasks.errors import InvalidAudience

Value = str | int | float | bool

# A negative operator is the exact opposite of its positive one: who has no value at all matches "!=", "notIn" and the like.
OPPOSITES = {
    "!=": "=", "notIn": "in", "doesNotContain": "contains", "doesNotBeginWith": "beginsWith", "doesNotEndWith": "endsWith",
    "notNull": "null", "notBetween": "between",
}
SEARCHES = ("contains", "beginsWith", "endsWith")
ORDERS = ("<", ">", "<=", ">=")
POSITIVE = ("=", "in", "null", "between", *SEARCHES, *ORDERS)
OPERATORS = (*POSITIVE, *OPPOSITES)
KEYS = {"field", "operator", "value", "valueSource", "type", "inputType", "id", "path", "disabled"}  # of react-querybuilder
MAX_TEXT, MAX_LIST = 500, 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule. `operator` is the positive one, `negated` says whether its opposite was asked. `at` is its JSON pointer.

    `is_date`: "type": "date" was given, so an attribute is compared as a day.
    """

    field: str
    operator: str
    negated: bool
    values: tuple[Value, ...]
    at: str
    is_date: bool = False

    def refuse(self, detail: str, remedy: str, part: str = "value") -> InvalidAudience:
        """The error to raise for a part of this rule."""
        return InvalidAudience(detail, field=f"{self.at}/{part}", remedy=remedy)


def read_rule(raw: Mapping[str, Any], at: str) -> Rule:
    """Check a rule's form. Raises InvalidAudience with the JSON pointer of what is wrong."""
    unknown = sorted(str(key) for key in raw if key not in KEYS)
    if unknown or raw.get("valueSource", "value") != "value":
        name = unknown[0] if unknown else "valueSource"
        raise InvalidAudience(
            f"A rule with {name!r} is not understood.", field=f"{at}/{name}", remedy="Give field, operator and value only."
        )
    field, operator = raw.get("field"), raw.get("operator")
    if not isinstance(field, str):
        raise InvalidAudience("The rule names no field.", field=f"{at}/field", remedy='Give one, like "country".')
    if operator not in OPERATORS:
        raise InvalidAudience(
            f"There is no operator {str(operator)[:40]!r}.", field=f"{at}/operator", remedy=f"Use one of {', '.join(OPERATORS)}."
        )
    positive = OPPOSITES.get(operator, operator)
    values = _values(raw.get("value"), positive, f"{at}/value")
    return Rule(field, positive, operator in OPPOSITES, values, at, is_date=raw.get("type") == "date")


def _values(value: object, operator: str, at: str) -> tuple[Value, ...]:
    if operator == "null":
        return ()
    if operator not in ("in", "between"):
        return (_scalar(value, at),)
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts or len(parts) > MAX_LIST:
        raise InvalidAudience("It is no list of values.", field=at, remedy=f'Give a list of 1 to {MAX_LIST}, like ["NP", "IN"].')
    if operator == "between" and len(parts) != 2:
        raise InvalidAudience("It has not two ends.", field=at, remedy="Give the lower and the upper end, like [10, 20].")
    return tuple(_scalar(part, f"{at}/{index}") for index, part in enumerate(parts))


def _scalar(value: object, at: str) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= MAX_TEXT and storable(value):
        return value
    if isinstance(value, int | float) and storable_number(value):
        return value
    raise InvalidAudience(
        "The value cannot be compared with.", field=at,
        remedy=f"Give text of at most {MAX_TEXT} characters, a number of at most 63 bits, true or false.",
    )
