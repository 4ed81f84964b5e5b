"""Rules over attributes.<name>: JSON values keep their types, so 10 > 9 for numbers and "10" is no number."""

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Numeric, String, and_, case, cast, collate, false, func, or_, true, type_coerce

from tasks.audience.compare import Condition, Text, ordered, text_condition
from tasks.audience.moment import days_of
from tasks.audience.rule import ORDERS, SEARCHES, Rule, Value
from tasks.models import Recipient

DEPTH, MAX_NAME = 3, 64
# Quotes and backslashes cannot be written into SQLite's paths; a number below the top would index a list on PostgreSQL only.
NAME = re.compile(r"[^\"\\.\x00-\x1f\x7f\ud800-\udfff]{1,64}")
INDEX = re.compile(r"-?\d+")


def attribute_condition(rule: Rule, dialect: str, now: datetime) -> Condition:
    """The positive condition of a rule over an attribute: true or false for everyone, never NULL. Raises InvalidAudience.

    `now` is what ages like -30d of a date count from.
    """
    column = _Attribute(_names(rule), dialect)
    if rule.operator == "null":
        return column.is_nothing()
    if rule.is_date:
        return column.of_day(rule, days_of(rule, now))
    kinds = {_kind(value) for value in rule.values}
    if rule.operator in SEARCHES and kinds != {"string"}:
        raise rule.refuse(f"{rule.operator} searches in text.", "Put the value in quotation marks.")
    if rule.operator in (*ORDERS, "between") and ("boolean" in kinds or len(kinds) > 1):
        raise rule.refuse("The ends must be of one kind, text or numbers.", "Give two numbers, or two texts.")
    return or_(*(column.of_kind(kind, rule) for kind in sorted(kinds)))


class _Attribute:
    """One attribute, by its path, in the words of either database."""

    def __init__(self, names: list[str], dialect: str) -> None:
        self.dialect = dialect
        if dialect == "sqlite":
            # Escaped as the stored JSON is (letters beyond ASCII too): SQLite compares names as they are written.
            path = "$" + "".join(f".{json.dumps(name)}" for name in names)
            self.kind: ColumnElement[Any] = func.json_type(Recipient.attributes, path)
            self.value: ColumnElement[Any] = func.json_extract(Recipient.attributes, path)
        else:
            self.kind = func.jsonb_typeof(func.jsonb_extract_path(Recipient.attributes, *names))
            self.value = func.jsonb_extract_path_text(Recipient.attributes, *names)

    def is_nothing(self) -> Condition:
        """Missing, null, or empty text."""
        return case(
            (or_(self.kind.is_(None), self.kind == "null"), true()), (self._is("string"), self.value == ""), else_=false()
        )

    def of_kind(self, kind: str, rule: Rule) -> Condition:
        """The rule's values of one kind, against the attribute where it is of that kind; anything else is false."""
        values = tuple(value for value in rule.values if _kind(value) == kind)
        # CASE, because AND promises no order: casting text that is no number would be an error.
        return case((self._is(kind), getattr(self, f"_{kind}")(rule, values)), else_=false())

    def of_day(self, rule: Rule, days: tuple[str, ...]) -> Condition:
        """The attribute against days, where it is text that begins like 2026-01-31, as it is written; anything else is false."""
        text = type_coerce(self.value, String)
        day: Text
        if self.dialect == "sqlite":
            day, looks = func.substr(text, 1, 10), text.op("GLOB")("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*")
        else:
            day, looks = collate(func.substr(text, 1, 10), "C"), text.op("~")("^[0-9]{4}-[0-9]{2}-[0-9]{2}")
        return case((self._is("string"), and_(looks, ordered(day, rule.operator, days))), else_=false())

    def _is(self, kind: str) -> Condition:
        if self.dialect == "sqlite":
            return self.kind.in_({"string": ["text"], "number": ["integer", "real"], "boolean": ["true", "false"]}[kind])
        return self.kind == kind

    def _string(self, rule: Rule, values: tuple[str, ...]) -> Condition:
        return text_condition(type_coerce(self.value, String), rule, values, self.dialect)

    def _number(self, rule: Rule, values: tuple[float, ...]) -> Condition:
        if self.dialect == "sqlite":
            column, found = self.value, values
        else:
            column, found = cast(self.value, Numeric), tuple(Decimal(repr(value)) for value in values)  # type: ignore[misc]
        return column.in_(found) if rule.operator == "in" else ordered(column, rule.operator, found)

    def _boolean(self, rule: Rule, values: tuple[bool, ...]) -> Condition:
        column = self.kind if self.dialect == "sqlite" else self.value
        return column.in_(["true" if value else "false" for value in values])


def _names(rule: Rule) -> list[str]:
    names = rule.field.split(".")[1:]
    bad = not 1 <= len(names) <= DEPTH or not all(NAME.fullmatch(name) for name in names)
    if bad or any(INDEX.fullmatch(name) for name in names[1:]):
        raise rule.refuse(
            f"{rule.field[:80]!r} names no attribute.",
            f"Write attributes.<name>, up to {DEPTH} names deep, without quotation marks, backslashes or positions.", "field",
        )
    return names


def _kind(value: Value) -> str:
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


