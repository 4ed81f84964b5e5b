"""A known person, and what they can be reached by: one select brings people with their active devices and opt-outs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, FromClause, Row, Select, and_, null, select

from tasks.models import Device, OptOut

FIELDS = ("external_id", "name", "email", "phone", "locale", "timezone", "country", "attributes", "is_active")
END = 1 + len(FIELDS)  # where the device's three columns, the opt-out's one and the tombstone's mark begin


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient as the send path sees it. `pk` is recipients.id.

    `devices` (the active ones: id, token, kind) and `opted_out` (channels of the asked type, "*" meaning all) are
    filled only where the reach was asked for. `is_deleted`: only a tombstone is left of them.
    """

    pk: int
    external_id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    locale: str = ""
    timezone: str = ""
    country: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    is_active: bool = True
    devices: tuple[tuple[int, str, str], ...] = ()
    opted_out: frozenset[str] = frozenset()
    is_deleted: bool = False

    def fields(self) -> dict[str, Any]:
        """What a template may read as `recipient`; the id is the caller's own."""
        return {
            "id": self.external_id, "name": self.name, "email": self.email, "phone": self.phone, "locale": self.locale,
            "timezone": self.timezone, "country": self.country, "attributes": self.attributes,
        }


def people_select(
    people: FromClause, *, devices: bool, notification_type: str | BindParameter[str] | None
) -> Select[Any]:
    """Select every row of `people` (recipients or a subquery of them), with devices and opt-outs where asked."""
    source = people
    reach: list[ColumnElement[Any]] = [null(), null(), null(), null()]
    if devices:
        source = source.outerjoin(Device, and_(Device.recipient_id == people.c.id, Device.is_active))
        reach[:3] = Device.__table__.c["id", "token", "kind"]
    if notification_type is not None:
        of_type = and_(OptOut.recipient_id == people.c.id, OptOut.notification_type == notification_type)
        source = source.outerjoin(OptOut, of_type)
        reach[3] = OptOut.__table__.c.channel
    labelled = (column.label(f"reach_{number}") for number, column in enumerate(reach))
    is_deleted = people.c.deleted_at.is_not(None).label("is_deleted")
    return select(people.c.id, *(people.c[name] for name in FIELDS), *labelled, is_deleted).select_from(source)


def read_people(connection: Connection, statement: Select[Any], values: Mapping[str, Any] | None = None) -> list[Person]:
    """Run what `people_select` made, with the values it wants: one Person for each recipient, in their first rows' order."""
    return people_of(connection.execute(statement, values))


def people_of(rows: Iterable[Row[Any]]) -> list[Person]:
    """The people in rows of what `people_select` made."""
    grouped: dict[int, list[Row[Any]]] = {}
    for row in rows:
        grouped.setdefault(row[0], []).append(row)
    return [_person(rows) for rows in grouped.values()]


def _person(rows: list[Row[Any]]) -> Person:
    first = rows[0]
    if len(rows) == 1 and first[END] is None and first[END + 3] is None and not first[END + 4]:
        return Person(*first[:END])
    # Devices and opt-outs multiply each other's rows: a person has a handful of either.
    devices = {tuple(row[END : END + 3]) for row in rows if row[END] is not None}
    opted_out = {row[END + 3] for row in rows if row[END + 3] is not None}
    values: tuple[Any, ...] = (*first[:END], tuple(sorted(devices)), frozenset(opted_out), bool(first[END + 4]))
    return Person(*values)
