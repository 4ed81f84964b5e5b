"""People from a CSV file, a thousand at a time. A bad row is reported and none of it is written; it stops nobody else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.audience.description import Description, describe
from tasks.audience.recipients import BATCH, resolve
from tasks.audience.table import PATTERNS, Column, Table, read_table
from tasks.config import settings
from tasks.database import writing
from tasks.errors import CarillonError

CODES = ("id", "phone", "token")
SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row: the line it begins on, the column's name ("" for the row as a whole), and what to do."""

    line: int
    column: str
    detail: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.detail} {self.remedy}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: rows read of `total`, people saved so far, and the errors since the last report."""

    read: int
    total: int
    saved: int
    errors: tuple[RowError, ...]


def read_rows(table: Table) -> Iterator[tuple[int, Description | RowError]]:
    """Every row of a table, its line and the description of a person or what is wrong with it."""
    seen: dict[str, int] = {}
    for line, cells in table.rows():
        yield line, read_row(table, line, cells, seen)


def import_csv(path: Path) -> Iterator[Progress]:
    """Import the people of a CSV file, reporting after every 1,000 rows and at the end.

    The first line heads the columns: id, name, email, phone, locale, timezone, country, token; any other is an attribute. Empty
    cells say nothing. The same file again changes nothing. Raises InvalidImport before anything is written where the file is no
    such table.
    """
    table = read_table(path)
    seen: dict[str, int] = {}
    good: list[Description] = []
    errors: list[RowError] = []
    read = saved = 0
    for line, cells in table.rows():
        found = read_row(table, line, cells, seen)
        good.append(found) if isinstance(found, Description) else errors.append(found)
        read += 1
        if read % BATCH == 0 and read < table.total:
            saved += _save(good)
            yield Progress(read, table.total, saved, tuple(errors))
            good, errors = [], []
    saved += _save(good)
    yield Progress(read, table.total, saved, tuple(errors))


def _save(people: list[Description]) -> int:
    if people:
        with writing() as connection:
            resolve(connection, people)
    return len(people)


def read_row(table: Table, line: int, cells: list[str], seen: dict[str, int]) -> Description | RowError:
    """What a row says of a person, or what is wrong with it. `seen` remembers the line of every id."""
    try:
        description = describe(_person(table.columns, cells), settings(), at="row")
    except CarillonError as error:
        return RowError(line, _column_of(error.field), error.detail, error.remedy)
    first = seen.setdefault(description.external_id, line)
    if first != line:
        return RowError(line, "id", f"{description.external_id!r} is on line {first} already.", "Keep one row for each person.")
    return description


def _person(columns: tuple[Column, ...], cells: list[str]) -> dict[str, Any]:
    """The row as a send request would describe the person. Raises InvalidRecipient."""
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise CarillonError("The row has more cells than the header.", remedy="Put values with a delimiter into quotation marks.")
    person: dict[str, Any] = {"attributes": {}}
    for column, cell in zip(columns, cells, strict=False):
        value = _unquoted(cell.strip())
        if not value or column.ignored:
            continue
        if column.name in CODES and SHORTENED.fullmatch(value):
            raise CarillonError(
                f"{value} is a number that a spreadsheet has shortened.", field=f"row.{column.name}",
                remedy="Format that column as text in the spreadsheet, give the whole numbers again, and save it.",
            )
        if not column.name:
            raise CarillonError(f"{value[:40]!r} stands in a column without a name.", remedy="Name the column in the first line.")
        if column.is_attribute:
            person["attributes"][column.name] = _typed(column, value)
        elif column.name == "token":
            person["tokens"] = [value]
        else:
            person[column.name] = value
    return person


def _unquoted(value: str) -> str:
    """What is in a cell like ="0042": a spreadsheet's way to keep leading zeros."""
    return value[2:-1].replace('""', '"') if len(value) > 2 and value.startswith('="') and value.endswith('"') else value


def _typed(column: Column, value: str) -> object:
    pattern = PATTERNS.get(column.kind or "text")
    if pattern and not pattern.fullmatch(value):
        raise CarillonError(
            f"{value[:40]!r} is no {column.kind}.", field=f"row.attributes.{column.name}",
            remedy=f"Correct it, or head the column {column.name}:text.",
        )
    if column.kind == "boolean":
        return value.lower() == "true"
    if column.kind == "number":
        return float(value) if "." in value else int(value)
    return value


def _column_of(field: str) -> str:
    """The column that an error's field like row.email or row.attributes.plan stands for."""
    name = field.removeprefix("row").removeprefix(".").removeprefix("attributes.")
    return "token" if name.startswith("tokens") else name
