"""Writing people and their device tokens, set-based: one statement for all people, one for all tokens."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection

from tasks.audience.description import COLUMNS, Description
from tasks.audience.reach import FIELDS, Person
from tasks.database import upsert
from tasks.direct import Direct
from tasks.models import Device, Recipient
from tasks.models.types import utcnow

DeviceRow = tuple[int, str, str]  # id, token, kind


def store_people(
    connection: Connection, wanted: Mapping[str, Description], known: Mapping[str, Person]
) -> dict[str, Person]:
    """Write who is new or different; return everyone by external id. Ids neither known nor creating are missing.

    Only columns that somebody gave are updated, so a concurrent change of another column survives.
    """
    rows = [
        row for external_id, description in sorted(wanted.items())  # sorted: two writers never lock in opposite orders
        if (row := _row(description, known.get(external_id))) is not None
    ]
    if not rows:
        return dict(known)
    given = frozenset(name for description in wanted.values() for name in description.fields)
    written = {}
    storing = _storing(connection.dialect.name, given)
    for found in storing.all(connection, rows[0]) if len(rows) == 1 else connection.execute(storing.statement, rows):
        person = Person(*found)
        before = known.get(person.external_id)
        written[person.external_id] = (
            replace(person, devices=before.devices, opted_out=before.opted_out) if before else person
        )
    return {**known, **written}


@cache  # composing it costs more than running it; callers give the same few sets of columns again and again
def _storing(dialect: str, given: frozenset[str]) -> Direct:
    insert = upsert(Recipient.__table__, dialect)
    changed = {name: insert.excluded[name] for name in (*sorted(given), "updated_at")}
    table = Recipient.__table__
    statement = insert.on_conflict_do_update(index_elements=["external_id"], set_=changed)
    return Direct(statement.returning(table.c.id, *(table.c[name] for name in FIELDS)))


def store_tokens(
    connection: Connection, tokens: Mapping[str, tuple[str, str]], people: Mapping[str, Person]
) -> dict[str, Person]:
    """Give each token (mapped to external id and kind) to its person, switched on; return everyone with their devices.

    A token lives with the last person it came with: it leaves whoever had it.
    """
    held = {(person.external_id, token, kind) for person in people.values() for _pk, token, kind in person.devices}
    now = utcnow()
    rows = [
        {
            "recipient_id": people[owner].pk, "token": token, "kind": kind,
            "is_active": True, "off_reason": "", "updated_at": now,
        }
        for token, (owner, kind) in sorted(tokens.items()) if (owner, token, kind) not in held
    ]
    if not rows:
        return dict(people)
    insert = upsert(Device.__table__, connection.dialect.name)
    changed = {name: insert.excluded[name] for name in rows[0] if name != "token"}
    statement = insert.on_conflict_do_update(index_elements=["token"], set_=changed)
    found = statement.returning(*Device.__table__.c["recipient_id", "id", "token", "kind"])
    written = [(owner, (pk, token, kind)) for owner, pk, token, kind in connection.execute(found, rows)]
    return _with_devices(people, written)


def _row(description: Description, known: Person | None) -> dict[str, Any] | None:
    """The whole row to write, or None where there is nothing to write."""
    if known is None and not description.creates:
        return None
    before = {name: getattr(known, name) for name in COLUMNS} if known else {}
    after = {**before, **description.fields}
    if "attributes" in description.fields:
        both = {**before.get("attributes", {}), **description.fields["attributes"]}
        after["attributes"] = {name: value for name, value in both.items() if value is not None}
    if known and after == before and json.dumps(after["attributes"]) == json.dumps(before["attributes"]):
        return None  # dumped too, because True equals 1 and 1.0 equals 1
    empty = {name: {} if name == "attributes" else "" for name in COLUMNS}
    active = known.is_active if known else True
    now = utcnow()
    who = {"external_id": description.external_id, "is_active": active}
    return {**empty, **after, **who, "created_at": now, "updated_at": now}


def _with_devices(people: Mapping[str, Person], written: Iterable[tuple[int, DeviceRow]]) -> dict[str, Person]:
    new: dict[int, list[DeviceRow]] = {}
    moved = set()
    for owner, device in written:
        new.setdefault(owner, []).append(device)
        moved.add(device[1])
    return {
        external_id: replace(
            person, devices=tuple(sorted([*(d for d in person.devices if d[1] not in moved), *new.get(person.pk, [])]))
        )
        for external_id, person in people.items()
    }
