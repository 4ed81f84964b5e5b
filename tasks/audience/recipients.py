"""People: from what a caller says of them to rows, a thousand at a time in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from tasks.audience.description import Description, describe
from tasks.audience.reach import Person, people_of, people_select, read_people
from tasks.audience.upsert import store_people, store_tokens
from tasks.config import settings
from tasks.database import writing
from tasks.direct import Direct
from tasks.errors import CarillonError, InvalidRecipient, UnknownRecipient
from tasks.extensions import db
from tasks.models import Recipient

__all__ = ["Description", "Person", "chosen", "describe", "find", "page", "resolve", "save"]

BATCH = 1_000  # people in one statement


def resolve(
    connection: Connection, descriptions: Sequence[Description | CarillonError], *, with_reach: str | None = None
) -> list[Person | CarillonError]:
    """Find, create or update people inside the caller's transaction; one result for each entry, in order.

    An error stays what it is; a bare id nobody knows becomes UnknownRecipient. For each 1,000 entries one statement where
    nothing is new, one more for new and changed people, one more for new tokens. `with_reach`, a notification type, brings
    active devices and opt-outs too.
    """
    return [
        result
        for start in range(0, len(descriptions), BATCH)
        for result in _resolve(connection, descriptions[start : start + BATCH], with_reach)
    ]


def page(
    connection: Connection, where: ColumnElement[bool] | Select[Any], after_pk: int, limit: int,
    notification_type: str | None,
) -> list[Person]:
    """The next `limit` active people after recipients.id `after_pk`, in its order, with their reach: one statement.

    `where` is a condition on recipients or a select of their ids.
    """
    condition = Recipient.id.in_(where) if isinstance(where, Select) else where
    table = Recipient.__table__
    chosen = (
        select(table).where(condition, Recipient.is_active, Recipient.id > after_pk).order_by(Recipient.id).limit(limit)
    ).subquery("people")
    statement = people_select(chosen, devices=True, notification_type=notification_type).order_by(chosen.c.id)
    return read_people(connection, statement)


def chosen(
    connection: Connection, where: ColumnElement[bool], values: Mapping[str, Any], notification_type: str | None
) -> list[Person]:
    """The people who meet `where`, which wants `values`, in the order of their ids, with their reach: one statement.

    Inactive and deleted ones too.
    """
    people = select(Recipient.__table__).where(where).subquery("people")
    statement = people_select(people, devices=True, notification_type=notification_type).order_by(people.c.id)
    return read_people(connection, statement, values)


def save(mapping: Mapping[str, Any]) -> Recipient:
    """Create or update one person from spec 2's mapping, in a transaction of its own. Raises InvalidRecipient."""
    if not isinstance(mapping, Mapping):
        raise InvalidRecipient("It is no object.", field="recipient", remedy='Give an object with "id".')
    description = describe(mapping, settings())
    with writing() as connection:
        (person,) = resolve(connection, [description])
    if isinstance(person, CarillonError):
        raise person
    return db.session.get_one(Recipient, person.pk, populate_existing=True)


def find(external_id: str) -> Recipient | None:
    """The recipient of the caller's id, or None."""
    return db.session.scalar(select(Recipient).where(Recipient.external_id == external_id))


def _resolve(
    connection: Connection, descriptions: Sequence[Description | CarillonError], with_reach: str | None
) -> list[Person | CarillonError]:
    wanted = _together(descriptions)
    if not wanted:
        return list(descriptions)  # type: ignore[arg-type]  # errors, every one
    tokens = _tokens(descriptions)
    people = store_people(connection, wanted, _known(connection, wanted, bool(tokens), with_reach))
    if tokens:
        people = store_tokens(connection, tokens, people)
    return [
        entry if isinstance(entry, CarillonError) else people.get(entry.external_id) or _unknown(entry)
        for entry in descriptions
    ]


def _known(
    connection: Connection, wanted: Mapping[str, Description], devices: bool, with_reach: str | None
) -> dict[str, Person]:
    statement = _by_external_id(devices or with_reach is not None, with_reach is not None, len(wanted) == 1)
    if isinstance(statement, Direct):
        people = people_of(statement.all(connection, {"wanted": next(iter(wanted)), "notification_type": with_reach}))
    else:
        people = read_people(connection, statement, {"wanted": list(wanted), "notification_type": with_reach})
    return {person.external_id: person for person in people}


@cache  # composing such a statement costs four times as much as running it
def _by_external_id(devices: bool, reach: bool, alone: bool) -> Select[Any] | Direct:
    """Those of the external ids `wanted`, with their devices, and with the opt-outs of `notification_type`."""
    table = Recipient.__table__
    statement = people_select(table, devices=devices, notification_type=bindparam("notification_type") if reach else None)
    if alone:
        return Direct(statement.where(table.c.external_id == bindparam("wanted")))
    return statement.where(table.c.external_id.in_(bindparam("wanted", expanding=True)))


def _together(descriptions: Sequence[Description | CarillonError]) -> dict[str, Description]:
    """One description for each id: of those who are named twice, the last word counts for every field."""
    found: dict[str, Description] = {}
    for entry in descriptions:
        if isinstance(entry, CarillonError):
            continue
        before = found.get(entry.external_id)
        found[entry.external_id] = _merged(before, entry) if before else entry
    return found


def _merged(before: Description, after: Description) -> Description:
    fields = {**before.fields, **after.fields}
    if "attributes" in before.fields and "attributes" in after.fields:
        fields["attributes"] = {**before.fields["attributes"], **after.fields["attributes"]}
    return Description(after.external_id, fields, creates=before.creates or after.creates)


def _tokens(descriptions: Sequence[Description | CarillonError]) -> dict[str, tuple[str, str]]:
    """Token to (external id, kind): a token named with two people goes to the last."""
    return {
        token: (entry.external_id, kind)
        for entry in descriptions if not isinstance(entry, CarillonError)
        for token, kind in entry.tokens or ()
    }


def _unknown(entry: Description) -> UnknownRecipient:
    return UnknownRecipient(
        f"Nobody is known by the id {entry.external_id!r}.", field="recipient.id",
        remedy='Send the person along, like {"id": "...", "email": "..."}, or create them first.',
    )
