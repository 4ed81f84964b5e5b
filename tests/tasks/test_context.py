"""A send's variables: kept exactly as they were rendered."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from tasks.context import plain
from tasks.errors import InvalidData


def test_dates_decimals_and_uuids_become_text():
    uuid = UUID(int=5)
    given = {
        "a": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "b": date(2026, 1, 2),
        "c": Decimal("10.50"),
        "d": uuid,
        "e": [1, None, True],
    }
    assert plain(given) == {
        "a": "2026-01-02T03:00:00+00:00",
        "b": "2026-01-02",
        "c": "10.50",
        "d": str(uuid),
        "e": [1, None, True],
    }


def test_what_comes_out_is_a_copy():
    inner = [1]
    assert plain({"a": inner})["a"] is not inner


@pytest.mark.parametrize(
    "bad", [object(), float("nan"), float("inf"), {1, 2}, "x" * 70_000, "\x00", "\ud800", (lambda: (x := []).append(x) or x)()]
)
def test_what_cannot_be_kept_is_named(bad):
    with pytest.raises(InvalidData) as raised:
        plain({"a": bad})
    assert raised.value.field.startswith("data")
    assert raised.value.remedy


def test_a_text_that_only_looks_like_an_escape_is_kept():
    given = {"a": "\\u0000"}
    assert plain(given) == given
    json.dumps(plain(given))
