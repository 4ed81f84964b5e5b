"""Times as the operator reads and writes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.admin.display import times


@pytest.fixture(autouse=True)
def kathmandu(monkeypatch: pytest.MonkeyPatch) -> None:
    wear(monkeypatch, "Asia/Kathmandu")


def wear(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setattr(times, "current_user", SimpleNamespace(timezone=zone))


def test_what_is_typed_is_meant_in_the_operators_zone() -> None:
    assert times.parse_local("2026-01-31T09:00") == datetime(2026, 1, 31, 3, 15, tzinfo=UTC)
    assert times.parse_local("2026-01-31T09:00+02:00") == datetime(2026, 1, 31, 7, 0, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_moves_on_and_one_that_comes_twice_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    wear(monkeypatch, "Europe/Berlin")
    assert times.parse_local("2026-03-29T02:30") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 in summer time
    assert times.parse_local("2026-10-25T02:30") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # still summer time


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_survives_the_form(moment: datetime) -> None:
    aware = moment.replace(year=1990 + moment.year % 100, day=1, second=0, microsecond=0)
    assert times.parse_local(times.for_input(aware)) == aware


@pytest.mark.parametrize(("zone", "shown"), [
    ("Asia/Kathmandu", "1 Jul 2026, 17:45:00 UTC+05:45"), ("Europe/Berlin", "1 Jul 2026, 14:00:00 CEST"),
    ("", "1 Jul 2026, 12:00:00 UTC"), ("Mars/Base", "1 Jul 2026, 12:00:00 UTC"),
])
def test_a_full_time_names_its_zone(monkeypatch: pytest.MonkeyPatch, zone: str, shown: str) -> None:
    wear(monkeypatch, zone)
    assert times.full_time(datetime(2026, 7, 1, 12, 0, tzinfo=UTC)) == shown


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(times, "utcnow", lambda: now)
    return now


def test_a_short_time_leaves_out_what_everybody_knows(clock: datetime) -> None:
    assert times.short_time(clock) == "17:45:00"
    assert times.short_time(clock - timedelta(days=1)) == "30 Jun, 17:45:00"
    assert times.short_time(clock - timedelta(days=365)) == "1 Jul 2025, 17:45:00"


def test_midnight_is_the_operators_own(clock: datetime) -> None:
    assert times.midnight() == datetime(2026, 6, 30, 18, 15, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "said"), [
    (0, "0 seconds ago"), (1, "1 second ago"), (61, "1 minute ago"), (7200, "2 hours ago"), (200_000, "2 days ago"),
    (-90, "in 1 minute"),
])
def test_how_long_ago(clock: datetime, seconds: int, said: str) -> None:
    assert times.ago(clock - timedelta(seconds=seconds)) == said
