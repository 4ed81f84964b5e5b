"""Reading a table page by page: nothing missing, nothing twice, whatever is asked for."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import delete, select

from dashboard.admin.lists import keyset
from dashboard.admin.lists.keyset import Cursor, read
from tasks.extensions import db
from tasks.models import Recipient
from tests import factories


@pytest.fixture
def known(any_app: Flask) -> list[int]:
    """The ids of forty people, with gaps where others were deleted, oldest first."""
    factories.people(60)
    db.session.execute(delete(Recipient).where(Recipient.id % 3 == 0))
    db.session.commit()
    return list(db.session.scalars(select(Recipient.id).order_by(Recipient.id)))


def walk(query, size: int, *, windowed: bool) -> Iterator[keyset.Page[Recipient]]:
    before: int | None = None
    while True:
        page = read(query, Recipient.id, Cursor(before=before), size, windowed=windowed)
        yield page
        before = page.older if page.older is not None else page.paused_at
        if before is None:
            return


@pytest.mark.parametrize("size", [1, 7, 39, 40, 41])
@pytest.mark.parametrize("windowed", [False, True])
def test_older_and_older_reads_everything_once(known: list[int], size: int, windowed: bool) -> None:
    pages = list(walk(select(Recipient), size, windowed=windowed))

    assert [row.id for page in pages for row in page.rows] == known[::-1]
    assert all(len(page.rows) == size for page in pages[:-1])


@pytest.mark.parametrize("windowed", [False, True])
def test_newer_leads_back_over_the_same_pages(known: list[int], windowed: bool) -> None:
    pages = list(walk(select(Recipient), 9, windowed=windowed))

    for newer, older in pairwise(pages):
        back = read(select(Recipient), Recipient.id, Cursor(after=older.newer), 9, windowed=windowed)
        assert [row.id for row in back.rows] == [row.id for row in newer.rows]
        assert back.older == back.rows[-1].id


def test_the_newest_page_has_nothing_newer(known: list[int]) -> None:
    assert read(select(Recipient), Recipient.id, Cursor(), 5).newer is None
    back = read(select(Recipient), Recipient.id, Cursor(after=known[-2]), 5)
    assert ([row.id for row in back.rows], back.newer) == ([known[-1]], None)


def test_a_range_is_kept(known: list[int]) -> None:
    low, high = known[10], known[30]

    page = read(select(Recipient), Recipient.id, Cursor(low=low, high=high), 100)
    newer = read(select(Recipient), Recipient.id, Cursor(after=known[5], low=low, high=high), 100)

    assert [row.id for row in page.rows] == [row.id for row in newer.rows] == known[10:30][::-1]


@pytest.mark.parametrize("cursor", [Cursor(), Cursor(before=5), Cursor(after=5), Cursor(before=0), Cursor(low=9, high=3)])
def test_an_empty_table_or_range_has_empty_pages(any_app: Flask, cursor: Cursor) -> None:
    page = read(select(Recipient), Recipient.id, cursor, 10, windowed=True)

    assert (page.rows, page.older, page.paused_at) == ([], None, None)


def test_a_search_that_takes_too_long_stops_and_can_go_on(known: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "FIRST_WINDOW", 4)
    monkeypatch.setattr(keyset, "LARGEST_WINDOW", 4)
    monkeypatch.setattr(keyset, "BUDGET", -1.0)  # the time is up at once
    wanted = select(Recipient).where(Recipient.external_id == "0")

    first = read(wanted, Recipient.id, Cursor(), 10, windowed=True)
    assert (first.rows, first.older) == ([], None)
    assert first.paused_at == known[-1] + 1

    monkeypatch.setattr(keyset, "BUDGET", 30.0)
    rest = read(wanted, Recipient.id, Cursor(before=first.paused_at), 10, windowed=True)
    assert [row.external_id for row in rest.rows] == ["0"]
    assert rest.paused_at is None
