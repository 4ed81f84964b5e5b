"""A CSV file as the audience of one broadcast: checked whole, then its people are saved and listed, or nothing is."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert

from tasks.audience.description import Description
from tasks.audience.importer import RowError, read_row
from tasks.audience.recipients import BATCH, Person, resolve
from tasks.audience.table import Table, read_table
from tasks.database import writing
from tasks.errors import InvalidImport
from tasks.models import Segment, SegmentMember
from tasks.models.types import utcnow

MOST_ROWS = 20_000  # in one file; a larger one is imported first
MOST_FAULTS = 200  # rows with errors that are listed


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as it was read: how many rows are good, and what is wrong with the others (the first `MOST_FAULTS` of `bad`)."""

    table: Table
    good: int
    bad: int
    faults: tuple[RowError, ...]


def check(path: Path) -> Checked:
    """Read every row; nothing is written. Raises InvalidImport where it is no table, has no row, or too many."""
    table = read_table(path)
    if not table.total:
        remedy = "Give a first line that names the columns, and a line for each person."
        raise InvalidImport("The file has no rows.", field="people_file", remedy=remedy)
    if table.total > MOST_ROWS:
        raise InvalidImport(
            f"The file has {table.total:,} rows.", field="people_file",
            remedy=f"Up to {MOST_ROWS:,} go in here. Import a larger one as a segment, and choose that.",
        )
    good, bad, faults = 0, 0, list[RowError]()
    for found in _rows(table):
        if isinstance(found, Description):
            good += 1
            continue
        bad += 1
        if len(faults) < MOST_FAULTS:
            faults.append(found)
    return Checked(table, good, bad, tuple(faults))


def keep(checked: Checked, file_name: str, actor: str) -> str:
    """Save the good rows' people and make a static list of them, in one transaction. Returns the list's slug.

    Raises InvalidImport where no row is good.
    """
    if not checked.good:
        raise InvalidImport("No row of the file can be used.", field="people_file", remedy="Mend the rows that are listed.")
    name = Path(file_name).name[:80] or "people.csv"
    slug = f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')[:40] or 'people'}-{secrets.token_hex(3)}"
    now = utcnow()
    values = {
        "slug": slug, "name": f"{name}, {now:%Y-%m-%d %H:%M} UTC", "created_at": now, "updated_at": now,
        "description": f"{checked.good:,} people, uploaded for a broadcast by {actor}.", "definition": None,
    }
    descriptions = [found for found in _rows(checked.table) if isinstance(found, Description)]
    with writing() as connection:
        pk = connection.execute(insert(Segment).values(values).returning(Segment.id)).scalar_one()
        for start in range(0, len(descriptions), BATCH):
            _add(connection, pk, descriptions[start : start + BATCH])
    return slug


def _add(connection: Connection, segment_pk: int, descriptions: list[Description]) -> None:
    people = dict.fromkeys(one.pk for one in resolve(connection, descriptions) if isinstance(one, Person))
    connection.execute(insert(SegmentMember), [{"segment_id": segment_pk, "recipient_id": pk} for pk in people])


def _rows(table: Table) -> Iterator[Description | RowError]:
    seen: dict[str, int] = {}
    return (read_row(table, line, cells, seen) for line, cells in table.rows())
