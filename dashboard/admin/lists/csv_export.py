"""Rows as a CSV file that is written while it is sent: a million rows need no more memory than a few hundred."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from itertools import islice

from flask import Flask, Response, current_app

TOGETHER = 500  # lines in one piece of the answer
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would take for a formula, or jump a cell for
BOM = "\ufeff"  # without it some spreadsheets read UTF-8 as something else


def answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download called `name`. `rows` may read the database as it goes: each piece is made in an app context of its own."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    return Response(_pieces(app, header, iter(rows)), mimetype="text/csv", headers=headers)


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


def _pieces(app: Flask, header: Sequence[str], rows: Iterator[Sequence[object]]) -> Iterator[str]:
    yield BOM + _lines([header])
    while True:
        with app.app_context():  # the request's own is gone while the answer goes out
            piece = list(islice(rows, TOGETHER))
        if not piece:
            return
        yield _lines(piece)


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()
