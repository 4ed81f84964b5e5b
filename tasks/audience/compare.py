"""Comparisons that mean the same on SQLite and on PostgreSQL.

Text is ordered by code points. The searching operators pass over the case of the letters A to Z, and of no others: that is what
SQLite's LIKE does, and both databases must find the same people.
"""

from operator import eq, ge, gt, le, lt
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, collate, func

from tasks.audience.rule import SEARCHES, Rule

Condition = ColumnElement[bool]
Text = SQLColumnExpression[str]
ASCII_LOWER = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def text_condition(column: Text, rule: Rule, values: tuple[str, ...], dialect: str) -> Condition:
    """`column` (text, never NULL) against `values` by the rule's positive operator."""
    if rule.operator == "null":
        return column == ""
    if rule.operator == "in":
        return column.in_(values)
    if rule.operator == "=":
        return column == values[0]
    by_code_point = collate(column, "C") if dialect == "postgresql" else column
    if rule.operator in SEARCHES:
        lowered = func.lower(by_code_point) if dialect == "postgresql" else column
        return lowered.like(_pattern(rule.operator, values[0]), escape="\\")
    return ordered(by_code_point, rule.operator, values)


def ordered(column: SQLColumnExpression[Any], operator: str, values: tuple[Any, ...]) -> Condition:
    """`column` against one value by <, >, <=, >= or =, or against two by between (both ends included)."""
    if operator == "between":
        return and_(column >= values[0], column <= values[1])
    compare = {"<": lt, ">": gt, "<=": le, ">=": ge, "=": eq}[operator]
    found: Condition = compare(column, values[0])
    return found


def _pattern(operator: str, value: str) -> str:
    escaped = value.translate(ASCII_LOWER).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"contains": f"%{escaped}%", "beginsWith": f"{escaped}%", "endsWith": f"%{escaped}"}[operator]
