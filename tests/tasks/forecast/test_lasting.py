"""How long a broadcast takes: rates, windows, and what is given up before."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.forecast import lasting as module
from tasks.forecast.lasting import lasting
from tests.conftest import make_settings

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def row(**over):
    return {
        "rate_per_minute": None, "send_at": None, "created_at": NOW, "expires_at": NOW + timedelta(days=1), "window_start": None,
        "window_end": None, "timezone": "UTC", **over,
    }


@pytest.fixture(autouse=True)
def config(monkeypatch):
    made = make_settings(sms_rate=10)
    monkeypatch.setattr(module, "settings", lambda: made)
    return made


@pytest.mark.parametrize(("messages", "over", "seconds", "ends", "too_slow"), [
    ({"email": 500}, {}, 0, NOW, False),
    ({"sms": 600}, {}, 3_600, NOW + timedelta(hours=1), False),
    ({"sms": 10, "email": 590}, {"rate_per_minute": 100}, 360, NOW + timedelta(minutes=6), False),
    ({"sms": 600, "email": 600}, {"rate_per_minute": 100}, 3_600, NOW + timedelta(hours=1), False),
    ({"email": 6_000}, {"rate_per_minute": 1}, 360_000, NOW + timedelta(seconds=360_000), True),
    ({"sms": 600}, {"send_at": NOW + timedelta(hours=2)}, 3_600, NOW + timedelta(hours=3), False),
    # Half an hour is left today, the rest goes out tomorrow morning.
    ({"sms": 600}, {"window_start": "08:00", "window_end": "09:30"}, 3_600, datetime(2026, 3, 2, 8, 30, tzinfo=UTC), False),
    ({"sms": 600}, {"window_start": "10:00", "window_end": "20:00"}, 3_600, datetime(2026, 3, 1, 11, tzinfo=UTC), False),
])
def test_the_slowest_rate_says_how_long_it_takes(messages, over, seconds, ends, too_slow):
    found = lasting(messages, row(**over))
    assert (found.seconds, found.ends_at, found.too_slow) == (seconds, ends, too_slow)


def test_without_a_rate_nobody_knows(config):
    config.sms_rate = 0
    assert lasting({"sms": 5}, row()).seconds is None
