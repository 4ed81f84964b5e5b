"""Types of single fields that several requests share: how they are checked, and how the documentation shows them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from tasks.models.words import CHANNELS

LONGEST_ID = 200
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


def _to_id(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("give your own id of the person, as text or as a whole number")
    text = str(value)
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("an id has no control characters")
    return text


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _to_time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(
            "give a time as text, like 2026-01-31T09:00:00+05:45, or like 2026-01-31T09:00 with `timezone` beside it"
        ) from None


def _to_audience(value: object) -> object:
    if not value or not isinstance(value, str | dict):
        raise ValueError('give "all", "subscribed", a segment\'s slug or a segment definition')
    return value


ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_ID), BeforeValidator(_to_id),
    WithJsonSchema({
        "anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": PRINTABLE}, {"type": "integer"}],
        "description": "Your own id of the person.", "examples": ["42"],
    }),
]
PathId = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=PRINTABLE), BeforeValidator(_to_id),
    Field(description="Your own id of the person."),
]
Phone = Annotated[
    str, BeforeValidator(_to_text),
    WithJsonSchema({
        "anyOf": [{"type": "string"}, {"type": "integer"}], "examples": ["+9779841234567"],
        "description": "With its country code, or in the form of `country`, or of the configured region.",
    }),
]
Token = Annotated[
    Any,
    WithJsonSchema({
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "object", "required": ["token"], "properties": {
                "token": {"type": "string", "minLength": 1}, "kind": {"enum": ["token", "fid"]},
            }},
        ],
    }),
]
Channel = Annotated[
    str,
    WithJsonSchema({
        "enum": list(CHANNELS),
        "description": "Send on this channel, whatever the rule says. The in-app message is written as always.",
    }),
]
SendAt = Annotated[
    datetime, BeforeValidator(_to_time),
    WithJsonSchema({
        "type": "string", "examples": ["2026-01-31T09:00:00+05:45", "2026-01-31T09:00"],
        "description": "Start then, within a year: a time with its offset, or a wall clock's time in `timezone`. A local time "
        "that the clocks leave out comes when they change, one that they show twice comes the first time.",
    }),
]
Audience = Annotated[
    Any, BeforeValidator(_to_audience),
    WithJsonSchema({
        "anyOf": [
            {"type": "string", "minLength": 1, "description": "`all`, `subscribed` or a segment's slug."},
            {"type": "object", "required": ["combinator", "rules"], "properties": {
                "combinator": {"enum": ["and", "or"]}, "not": {"type": "boolean"},
                "rules": {"type": "array", "items": {"type": "object"}},
            }, "description": "A segment definition."},
            {"type": "object", "required": ["ids"], "properties": {
                "ids": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
            }, "description": "Your own ids of people who are known."},
            {"type": "object", "required": ["source"], "properties": {"source": {"const": "http"}},
             "description": "Everyone of the configured outside source."},
        ],
        "examples": ["subscribed", {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}],
    }),
]
