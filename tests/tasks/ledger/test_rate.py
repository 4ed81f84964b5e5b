"""Limits of so many a minute: never passed by anybody, paid back, and the same on both databases."""

import math
import threading

import pytest
from sqlalchemy import select

from tasks.database import reading, writing
from tasks.ledger import rate
from tasks.ledger.rate import Limit
from tasks.models import RateLimit
from tasks.models.types import db_seconds, utcnow

SLOW = Limit("key:1", per_minute=1, burst=5)  # one unit a minute: no test lasts until the next


def clock():
    with reading() as connection:
        return connection.execute(select(db_seconds())).scalar_one()


def age(seconds, name="key:1"):
    """Let time pass for a name."""
    with writing() as connection:
        connection.execute(RateLimit.__table__.update().where(RateLimit.name == name).values(free_at=RateLimit.free_at - seconds))


def test_the_clock_in_seconds_is_the_database_s(any_app):
    assert abs(clock() - utcnow().timestamp()) < 5


def test_no_more_than_the_burst_goes_at_once(any_app):
    assert rate.take(SLOW, 3) == rate.Grant(3, 2, 0.0)
    last = rate.take(SLOW, 3)
    assert (last.granted, last.remaining) == (2, 0)
    assert 55 < last.wait <= 60
    assert rate.take(SLOW).granted == 0


def test_time_brings_units_back_and_no_more_than_the_burst(any_app):
    rate.take(SLOW, 5)
    age(125)
    assert rate.take(SLOW, 5).granted == 2
    age(86_400)
    assert rate.take(SLOW, 9).granted == 5


def test_the_whole_or_nothing(any_app):
    assert rate.take(SLOW, 4, whole=True).granted == 4
    refused = rate.take(SLOW, 3, whole=True)
    assert (refused.granted, refused.remaining) == (0, 1)
    assert 115 < refused.wait <= 120
    assert rate.take(SLOW, 1, whole=True).granted == 1
    assert rate.take(SLOW, 6, whole=True).wait == math.inf


def test_what_was_not_used_can_be_taken_again(any_app):
    rate.take(SLOW, 5)
    rate.give_back(SLOW, 2)
    assert rate.take(SLOW, 5).granted == 2


def test_a_debt_is_paid_before_anybody_takes_and_stays_below_a_minute(any_app):
    fast = Limit("channel:email", per_minute=600)
    rate.owe(fast, 30)
    assert 1.9 < rate.take(fast).wait <= 2.1
    rate.owe(fast, 1_000_000)
    assert 59 < rate.take(fast).wait <= 60.1


def test_a_clock_set_back_stops_nobody_for_longer_than_a_minute(any_app):
    fast = Limit("channel:email", per_minute=600)
    rate.take(fast)
    age(-7_200, "channel:email")
    assert rate.take(fast).wait <= 60.1
    assert rate.look(fast).wait <= 60.1


def test_a_new_name_may_start_with_one_unit(any_app):
    even = Limit("broadcast:1", per_minute=600, full=False)
    assert rate.look(even) == rate.Grant(0, 1, 0.0)
    assert rate.take(even, 10).granted == 1


def test_looking_takes_nothing(any_app):
    assert rate.look(SLOW).remaining == 5
    rate.take(SLOW, 4)
    assert [rate.look(SLOW).remaining for _ in range(3)] == [1, 1, 1]


def _take_and_fail():
    with writing() as connection:
        assert rate.take(SLOW, 5, connection=connection).granted == 5
        raise RuntimeError("stop")


def test_inside_a_transaction_that_fails_nothing_was_taken(any_app):
    with pytest.raises(RuntimeError, match="stop"):
        _take_and_fail()
    assert rate.take(SLOW, 5).granted == 5


@pytest.mark.parametrize("per_minute", [0, -1, math.inf, math.nan])
def test_a_rate_is_a_number_above_nought(per_minute):
    with pytest.raises(ValueError, match="above 0"):
        Limit("key:1", per_minute)


def test_eight_threads_together_never_pass_the_limit(any_app):
    limit = Limit("broadcast:7", per_minute=6_000, burst=20)
    granted: list[int] = []
    start = clock()

    def work(wanted):
        with any_app.app_context():
            for _ in range(25):
                granted.append(rate.take(limit, wanted).granted)

    threads = [threading.Thread(target=work, args=(number % 4 + 1,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = limit.most + (clock() - start + 0.002) / limit.seconds
    assert len(granted) == 200
    assert limit.most <= sum(granted) <= allowed
