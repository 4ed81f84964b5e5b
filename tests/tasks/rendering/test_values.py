"""Data becomes plain, or is refused by name."""

import json
from collections import OrderedDict, UserDict
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tasks.errors import InvalidData
from tasks.rendering.limits import MAX_DATA_DEPTH, MAX_DATA_ITEMS, MAX_DATA_TEXT
from tasks.rendering.values import plain


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Kind(StrEnum):
    A = "a"


@pytest.mark.parametrize(("value", "becomes"), [
    (None, None), (True, True), (5, 5), (1.5, 1.5), ("é", "é"), ([1, (2, 3)], [1, [2, 3]]), ({"a": {"b": []}}, {"a": {"b": []}}),
    (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"), (date(2026, 1, 2), "2026-01-02"),
    (time(3, 4), "03:04:00"),
    (Decimal("10.50"), "10.50"), (Decimal("1E+3"), "1000"), (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Colour.RED, "red"), (Level.HIGH, 3), (Kind.A, "a"), (Markup("<b>"), "<b>"),
    (OrderedDict(a=1), {"a": 1}), (UserDict(a=1), {"a": 1}),
])
def test_what_values_become(value: Any, becomes: Any) -> None:
    found = plain({"x": value})["x"]
    assert found == becomes
    assert type(found) is type(becomes)


class Model:
    """Stands for a row of somebody's database."""


@pytest.mark.parametrize(("data", "field", "says"), [
    ({"order": Model()}, "data.order", "is a Model, which no template can use"),
    ({"lines": [{"price": {1, 2}}]}, "data.lines.0.price", "is a set"),
    ({"f": print}, "data.f", "is a builtin_function_or_method"),
    ({"b": b"raw"}, "data.b", "is a bytes"),
    ({"n": float("nan")}, "data.n", "not a finite number"),
    ({"n": float("inf")}, "data.n", "not a finite number"),
    ({"n": 10**40}, "data.n", "more than 40 digits"),
    ({"n": Decimal("NaN")}, "data.n", "usual size"),
    ({"n": Decimal("1E+999999999")}, "data.n", "usual size"),
    ({"n": Decimal("1." + "1" * 500)}, "data.n", "usual size"),
    ({"a": {1: 2}}, "data.a", "has the key '1', which is not text"),
    ({"t": "a\0b"}, "data.t", "NUL"),
    ({"t": "\ud800"}, "data.t", "surrogate"),
    ({"t": {"\ud800": 1}}, "data.t.\ud800", "surrogate"),
    ({"t": "x" * (MAX_DATA_TEXT + 1)}, "data.t", "is too big"),
    ({"t": ["x"] * (MAX_DATA_ITEMS + 1)}, f"data.t.{MAX_DATA_ITEMS - 2}", "is too big"),
    ([1], "data", "is a list, not a mapping"),
])
def test_what_is_refused_by_its_place(data: Any, field: str, says: str) -> None:
    with pytest.raises(InvalidData) as caught:
        plain(data)
    assert caught.value.field == field
    assert says in caught.value.detail
    assert caught.value.remedy


def test_data_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidData, match="levels deep"):
        plain({"x": loop})


def test_data_that_shares_its_parts_counts_them_each_time() -> None:
    doubled: Any = "end"
    for _ in range(MAX_DATA_DEPTH - 2):
        doubled = [doubled, doubled]
    with pytest.raises(InvalidData, match="too big"):
        plain({"x": doubled})


def test_the_copy_is_a_copy() -> None:
    given: dict[str, Any] = {"a": {"b": [1]}}
    copied = plain(given)
    given["a"]["b"].append(2)
    assert copied == {"a": {"b": [1]}}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBER = st.integers(-(10**39), 10**39) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("abc"), PLAIN))
def test_plain_data_stays_the_same_through_json_and_twice(data: dict[str, Any]) -> None:
    assert plain(data) == data
    assert plain(json.loads(json.dumps(plain(data)))) == data
