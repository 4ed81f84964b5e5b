"""From a moment to the first row written then."""

from datetime import timedelta

import pytest
from flask import Flask

from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.moments import first_id_at
from tasks.extensions import db
from tasks.models import AuditEntry
from tasks.models.types import utcnow

NOW = utcnow().replace(microsecond=0)
COLUMNS = Columns(AuditEntry.id, AuditEntry.at)


@pytest.fixture
def hourly(any_app: Flask) -> dict[int, int]:
    """{hours ago: id} of entries written one an hour, some of them pruned."""
    words = dict.fromkeys(("actor", "action", "object_type", "object_id"), "x")
    entries = {hours: AuditEntry(at=NOW - timedelta(hours=hours), **words) for hours in range(20, 0, -1)}
    for entry in entries.values():
        db.session.add(entry)
        db.session.flush()
    for hours in (15, 14, 13, 3):
        db.session.delete(entries.pop(hours))
    db.session.commit()
    return {hours: entry.id for hours, entry in entries.items()}


@pytest.mark.parametrize("hours", [20, 16, 11, 7, 1])
def test_a_moment_finds_the_row_of_that_moment(hourly: dict[int, int], hours: int) -> None:
    assert first_id_at(COLUMNS, NOW - timedelta(hours=hours)) == hourly[hours]
    assert first_id_at(COLUMNS, NOW - timedelta(hours=hours, minutes=30)) == hourly[hours]


@pytest.mark.parametrize("hours", [15, 14, 13, 12])
def test_behind_a_gap_nothing_older_is_meant(hourly: dict[int, int], hours: int) -> None:
    found = first_id_at(COLUMNS, NOW - timedelta(hours=hours))
    assert hourly[16] < found <= hourly[12]


def test_before_everything_and_after_everything(hourly: dict[int, int]) -> None:
    assert first_id_at(COLUMNS, NOW - timedelta(days=9)) == hourly[20]
    assert first_id_at(COLUMNS, NOW + timedelta(days=9)) == hourly[1] + 1


def test_an_empty_table_has_no_first_row(any_app: Flask) -> None:
    assert first_id_at(COLUMNS, NOW) == 1
