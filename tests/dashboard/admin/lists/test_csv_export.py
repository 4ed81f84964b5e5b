"""CSV downloads: no cell is a formula, no file is held in memory, and the text is read back as it was."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
from flask import Flask

from dashboard import pieces
from dashboard.admin.lists import csv_export
from tasks.extensions import db
from tests import factories


@pytest.mark.parametrize(("value", "shown"), [
    ("=1+1", "'=1+1"), ("+977", "'+977"), ("-2", "'-2"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r\n=1", "'\r\n=1"),
    ("plain = text", "plain = text"), ("", ""), (None, ""), (-2, "-2"), (True, "yes"), (False, "no"), ("नेपाल", "नेपाल"),
    (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
])
def test_a_cell_is_never_a_formula(value: object, shown: str) -> None:
    assert csv_export.cell(value) == shown


def test_a_file_is_made_piece_by_piece_with_the_database_at_hand(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "TOGETHER", 2)
    factories.people(1)
    made = 0

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal made
        for number in range(5):
            made += 1
            people = db.session.execute(db.text("select count(*) from recipients")).scalar()
            yield number, people, 'a "quoted", cell\nof two lines'

    with app.test_request_context():
        answer = csv_export.answer("people.csv", ("number", "people", "words"), rows())
    sent = answer.iter_encoded()
    next(sent)
    next(sent)
    assert made == 2, "no more was read than was sent"

    text = b"".join(sent).decode()
    assert [line[:2] for line in csv.reader(StringIO(text))] == [["2", "1"], ["3", "1"], ["4", "1"]]
    assert answer.headers["Content-Disposition"] == "attachment; filename=people.csv"
    answer.close()
