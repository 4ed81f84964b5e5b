"""Where a person's words stand outside their own rows: answers kept for repeats, calls of webhooks, the audit, audiences by id.

Every table is looked through that is not named here, so that one that is added tomorrow is looked through too. That reads each of
them once, which is why it happens before erasing takes the write lock.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Connection, Table, Text, cast, or_, select, tuple_, update

from tasks.database import reading
from tasks.extensions import db
from tasks.models import Device, Recipient

# What a person is emptied from row by row, or what holds the operators' own words and names.
APART = frozenset({
    "recipients", "devices", "opt_outs", "notifications", "deliveries", "attempts", "segment_members", "broadcast_members",
    "connections", "operators", "api_keys", "templates", "template_versions", "rules", "processes", "installation",
})
OPERATORS = frozenset({
    "actor", "created_by", "asked_by", "answered_by", "barred", "kind", "state", "event", "scope", "hash", "body_hash",
})
IDS = frozenset({"id", "ids", "recipient_id", "recipient_ids", "external_id"})  # under these names an id is a person's
SHORTEST = 6  # letters: what is shorter is in texts by chance
GONE = "…"


@dataclass(frozen=True, slots=True)
class Words:
    """What names a person: their id, and whatever is long enough to mean them wherever it stands."""

    external_id: str
    secrets: tuple[str, ...]

    def needles(self) -> list[str]:
        """Each as it is written, and as JSON writes it."""
        plain = {*self.secrets, self.external_id}
        return sorted(plain | {json.dumps(word)[1:-1] for word in plain})

    def without(self, value: Any, name: str = "", tombstone: str = GONE) -> Any:
        """A JSON value without them. An id goes where it stands as one: the same letters may be an amount elsewhere."""
        if isinstance(value, dict):
            about = "id" if value.get("field") in IDS else ""
            return {
                key: self.without(one, about if key == "value" and about else str(key), tombstone) for key, one in value.items()
            }
        if isinstance(value, list):
            return [self.without(one, name, tombstone) for one in value]
        if not isinstance(value, str):
            return value
        return tombstone if name in IDS and value == self.external_id else self.without_secrets(value)

    def without_secrets(self, text: str) -> str:
        """A text without them."""
        for word in self.secrets:
            text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", GONE, text, flags=re.IGNORECASE)
        return text


@dataclass(frozen=True, slots=True)
class Trace:
    """One value of one row, as it is and as it is to be."""

    table: Table
    key: Sequence[Any]
    column: str
    value: Any


def words_of(recipient_pk: int) -> Words:
    """What names this person now."""
    with reading() as connection:
        columns = (Recipient.external_id, Recipient.email, Recipient.phone, Recipient.name)
        row = connection.execute(select(*columns).where(Recipient.id == recipient_pk)).one()
        tokens = connection.execute(select(Device.token).where(Device.recipient_id == recipient_pk)).scalars().all()
    found = sorted({word for word in (*row, *tokens) if len(word) >= SHORTEST}, key=len, reverse=True)
    return Words(row.external_id, tuple(found))


def find(words: Words, tombstone: str) -> list[Trace]:
    """Every value that says who it was, with what is to stand there instead."""
    with reading() as connection:
        return [
            trace for table in db.metadata.sorted_tables if table.name not in APART
            for trace in _in_table(connection, table, words, tombstone)
        ]


def remove(connection: Connection, traces: Sequence[Trace]) -> None:
    """Write what is to stand there."""
    for one in traces:
        key = tuple_(*one.table.primary_key.columns) == tuple_(*one.key)
        connection.execute(update(one.table).where(key).values({one.column: one.value}))


def _in_table(connection: Connection, table: Table, words: Words, tombstone: str) -> Iterator[Trace]:
    looked = [column for column in table.columns if isinstance(column.type, Text | JSON) and column.name not in OPERATORS]
    looked = [column for column in looked if not column.primary_key]
    if not looked:
        return
    key, needles = list(table.primary_key.columns), words.needles()
    holds = [cast(column, Text).icontains(needle, autoescape=True) for column in looked for needle in needles]
    for row in connection.execute(select(*key, *looked).where(or_(*holds))):
        for column, value in zip(looked, row[len(key):], strict=True):
            clean = _clean(value, words, tombstone, is_json=isinstance(column.type, JSON))
            if clean != value:
                yield Trace(table, row[: len(key)], column.name, clean)


def _clean(value: Any, words: Words, tombstone: str, *, is_json: bool) -> Any:
    if is_json or not isinstance(value, str):  # nothing, or on PostgreSQL a list of row ids
        return words.without(value, tombstone=tombstone)
    if value[:1] in {"{", "["}:
        try:
            known = json.loads(value)
        except ValueError:
            return words.without_secrets(value)
        clean = words.without(known, tombstone=tombstone)
        return value if clean == known else json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
    return words.without_secrets(value)
