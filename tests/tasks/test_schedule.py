"""Local times and windows over every change of the clocks from 2020 to 2035 in twenty zones."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidOption
from tasks.schedule import Window, instant, parse_clock, zone

ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Istanbul", "Europe/Chisinau", "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo", "America/Santiago", "America/Havana", "America/Asuncion", "America/Scoresbysund", "Asia/Kathmandu",
    "Asia/Tehran", "Asia/Gaza", "Asia/Beirut", "Africa/Casablanca", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Chatham",
)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def shown(moment, name):
    """What a clock in the zone shows."""
    return moment.astimezone(zone(name)).replace(tzinfo=None, fold=0)


@cache
def changes(name):
    """The instants at which a zone's clocks change."""
    found, moment = [], START
    while moment < END:
        if moment.astimezone(zone(name)).utcoffset() != (moment + DAY).astimezone(zone(name)).utcoffset():
            low, high = moment, moment + DAY
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                same = middle.astimezone(zone(name)).utcoffset() == moment.astimezone(zone(name)).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        moment += DAY
    return tuple(found)


ALL = [(name, change) for name in ZONES for change in changes(name)]


def test_the_zones_change_their_clocks_often_enough_to_be_a_test():
    assert len(ALL) > 400
    assert sum(not changes(name) for name in ZONES) <= 3  # Kathmandu, Istanbul and Sao Paulo stand for those that never do


def test_every_local_time_around_every_change_comes_at_the_first_instant_that_shows_it_or_a_later_one():
    for name, change in ALL:
        moments = [change + n * MINUTE for n in range(-200, 201)]
        latest = list(accumulate((shown(moment, name) for moment in moments), max))  # the first to show it or a later one
        for wall in (shown(change, name) + n * MINUTE for n in range(-90, 91, 5)):
            assert instant(wall, zone(name)) == moments[bisect_left(latest, wall)], (name, change, wall)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.integers(-7_200, 7_200), st.integers(0, 999_999))
def test_what_a_clock_shows_comes_when_it_first_shows_it(where, seconds, micros):
    name, change = where
    wall = shown(change, name) + timedelta(seconds=seconds, microseconds=micros)
    found = instant(wall, zone(name))
    assert found.tzinfo is UTC
    assert shown(found, name) >= wall
    assert shown(found, name) == wall or found in changes(name)  # left out: the change itself
    assert shown(found - timedelta(microseconds=1), name) < wall or shown(found - timedelta(hours=1), name) < wall


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.integers(-3_000, 3_000), st.integers(0, 1_439), st.integers(1, 1_439))
def test_a_window_s_next_opening_is_now_or_ahead_and_opens_by_its_own_clock(where, minutes, starts, lasts):
    name, change = where
    moment = change + minutes * MINUTE
    times = [f"{total // 60 % 24:02}:{total % 60:02}" for total in (starts, starts + lasts)]
    window = Window.parse(*times, name)
    opens, closes = window.next(moment)
    assert opens < closes
    assert moment < closes
    assert closes - opens < DAY + 2 * timedelta(hours=1)
    assert opens - moment < 2 * DAY
    assert window.next(opens) == (opens, closes)
    assert window.next(closes)[0] >= closes
    assert shown(opens, name).time() == window.start or opens in changes(name)
    assert shown(closes, name).time() == window.end or closes in changes(name)


def berlin(text):
    return instant(datetime.fromisoformat(text), zone("Europe/Berlin")).isoformat()


def test_the_two_changes_everybody_in_berlin_knows():
    assert berlin("2026-03-29 02:30") == "2026-03-29T01:00:00+00:00"  # 02:30 is left out: 03:00 is the first there is
    assert berlin("2026-10-25 02:30") == "2026-10-25T00:30:00+00:00"  # shown twice: the first, in summer time
    assert berlin("2026-07-01 09:00") == "2026-07-01T07:00:00+00:00"


def test_a_day_that_a_zone_left_out_comes_at_its_end():
    assert instant(datetime(2011, 12, 30, 12), zone("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)  # noqa: DTZ001


def test_a_window_over_midnight():
    night = Window.parse("22:00", "06:00", "Asia/Kathmandu")
    assert [one.isoformat() for one in night.next(datetime(2026, 5, 2, 0, 0, tzinfo=UTC))] == [
        "2026-05-01T16:15:00+00:00", "2026-05-02T00:15:00+00:00",
    ]
    assert night.next(datetime(2026, 5, 2, 1, 0, tzinfo=UTC))[0].isoformat() == "2026-05-02T16:15:00+00:00"
    assert str(night) == "22:00-06:00"


def test_a_window_that_the_clocks_jump_over_does_not_open_that_day():
    window = Window.parse("02:10", "02:50", "Europe/Berlin")
    assert window.next(datetime(2026, 3, 29, 0, 0, tzinfo=UTC))[0].isoformat() == "2026-03-30T00:10:00+00:00"


@pytest.mark.parametrize("name", ["Europe/Berlim", "../../etc/passwd", "localtime", "Factory", "+02:00", "x" * 5_000, "\x00"])
def test_an_unknown_zone_is_named(name):
    with pytest.raises(InvalidOption, match="no time zone") as raised:
        zone(name)
    assert raised.value.field == "timezone"


def test_a_zone_that_is_only_spelt_otherwise_is_told():
    with pytest.raises(InvalidOption, match="Did you mean America/New_York"):
        zone("america/new york")


@pytest.mark.parametrize("text", ["24:00", "9", "09:60", "9:00 pm", "", "09:00:00", "0٩:00"])
def test_a_time_of_day_is_hh_mm(text):
    with pytest.raises(InvalidOption, match="time of day") as raised:
        parse_clock(text, "window")
    assert raised.value.field == "window"


def test_a_window_of_no_length_is_refused():
    with pytest.raises(InvalidOption, match="closes when it opens"):
        Window.parse("09:00", "09:00", "UTC")
