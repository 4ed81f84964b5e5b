"""Rows as a CSV file that is written while it is sent: a million rows need no more memory than a few hundred."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO

from flask import Response

from dashboard.pieces import pieces

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would take for a formula, or jump a cell for
BOM = "\ufeff"  # without it some spreadsheets read UTF-8 as something else


def answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download called `name`. `rows` may read the database as it goes: each piece is made in an app context of its own."""
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    return Response(_written(header, pieces(rows)), mimetype="text/csv", headers=headers)


def cell(value: object) -> str:
    """A value as it may stand in a cell. A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(DANGEROUS) else text


def _written(header: Sequence[str], lots: Iterator[list[Sequence[object]]]) -> Iterator[str]:
    yield BOM + _lines([header])
    yield from (_lines(lot) for lot in lots)


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()
