"""Rules over times: ISO 8601, a day, or an age like -30d."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import SQLColumnExpression, and_

from tasks.audience.compare import Condition, ordered
from tasks.audience.rule import ORDERS, Rule, Value

AGE = re.compile(r"([+-]\d{1,5})([hdw])")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
DAY_BEGINS = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)  # of text that is taken for a date
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def moment_condition(column: SQLColumnExpression[Any], rule: Rule, now: datetime) -> Condition:
    """`column` (an aware time) against the rule's values. A day without a time means the whole day, in UTC.

    Raises InvalidAudience.
    """
    if rule.operator not in ("=", "between", *ORDERS):
        raise rule.refuse("A time can only be compared.", "Use =, !=, <, >, <=, >=, between or notBetween.", "operator")
    spans = [_span(value, rule, now) for value in rule.values]
    first, last = spans[0], spans[-1]
    if rule.operator in ("=", "between"):
        return and_(column >= first[0], column < last[1] if last[1] > last[0] else column <= last[0])
    if rule.operator in ("<=", ">") and first[1] > first[0]:  # the day's end is the next one's beginning
        return ordered(column, "<" if rule.operator == "<=" else ">=", (first[1],))
    return ordered(column, rule.operator, (first[0],))


def days_of(rule: Rule, now: datetime) -> tuple[str, ...]:
    """The rule's values as days in UTC, like 2026-01-31. Raises InvalidAudience."""
    if rule.operator not in ("=", "between", *ORDERS):
        raise rule.refuse("A date can only be compared.", "Use =, !=, <, >, <=, >=, between or notBetween.", "operator")
    return tuple(_span(value, rule, now)[0].date().isoformat() for value in rule.values)


def absolute(value: object, now: datetime) -> object:
    """The value with an age like -30d turned into the instant it means now; anything else as it is."""
    match = AGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    return _before(match, now).isoformat()


def _span(value: Value, rule: Rule, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of what the value means; the same twice for an instant."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        if match := AGE.fullmatch(text):
            instant = _before(match, now)
            return instant, instant
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        return found, found + timedelta(days=1) if DAY.fullmatch(text) else found
    except (ValueError, OverflowError):
        raise rule.refuse(
            f"{str(value)[:40]!r} is no time.", "Write it like 2026-01-31, 2026-01-31T09:00:00+05:45, or -30d (h, d or w)."
        ) from None


def _before(match: re.Match[str], now: datetime) -> datetime:
    return now + timedelta(**{UNITS[match[2]]: int(match[1])})
