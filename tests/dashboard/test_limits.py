"""Failures by address: counted, forgotten in time, bounded in memory."""

import pytest

from dashboard import limits
from dashboard.limits import Failures


def test_an_address_waits_until_its_failures_are_past(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: clock[0])
    failures = Failures(3, 60)

    for _ in range(3):
        assert not failures.too_many("a")
        failures.note("a")
        clock[0] += 10

    assert failures.too_many("a")
    assert not failures.too_many("b")
    clock[0] = 161
    assert not failures.too_many("a"), "the oldest of three is past"
    failures.note("a")
    assert failures.too_many("a")


def test_a_flood_of_addresses_stays_small() -> None:
    failures = Failures(3, 60, addresses=100)

    for number in range(1_000):
        failures.note(str(number))

    assert len(failures._seen) <= 101
    failures.forget()
    assert not failures._seen
