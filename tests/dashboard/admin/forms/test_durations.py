"""Lengths of time as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.admin.forms.durations import read_duration, show_duration
from tasks.errors import InvalidOption

YEAR = 365 * 86_400


@given(st.integers(1, YEAR))
def test_what_is_shown_is_read_back(seconds: int) -> None:
    assert read_duration(show_duration(seconds), "field", YEAR) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), (" 10 M ", 600), ("24h", 86_400), ("2d", 172_800), ("5min", 300)])
def test_the_usual_ways_are_understood(text: str, seconds: int) -> None:
    assert read_duration(text, "field", YEAR) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "0", "1.5h", "1h30", "366d", "9999999999", "1 h 2"])
def test_anything_else_names_the_field(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        read_duration(text, "expires_after", YEAR)
    assert caught.value.field == "expires_after"
