"""The retry schedule: spec section 3, layer five."""

import pytest

from tasks.ledger.retry import next_delay


@pytest.mark.parametrize(("attempt", "delay"), [(1, 60), (2, 120), (3, 180), (4, None), (9, None)])
def test_the_schedule_is_followed_and_then_it_ends(attempt, delay):
    assert next_delay([60, 120, 180], attempt) == delay


@pytest.mark.parametrize(("retry_after", "delay"), [(None, 60), (0, 60), (30, 60), (61, 61), (10**9, 86_400)])
def test_a_longer_retry_after_wins_within_reason(retry_after, delay):
    assert next_delay([60], 1, retry_after) == delay


def test_no_schedule_means_one_try():
    assert next_delay([], 1) is None
