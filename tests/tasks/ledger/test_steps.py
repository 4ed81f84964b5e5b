"""A clock that is stepped: what waits keeps its true distance, and of several processes one makes the step good."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tasks.database import writing
from tasks.extensions import db
from tasks.ledger.steps import Steps
from tasks.models import Breaker, Delivery
from tasks.models.types import db_clock, utcnow
from tasks.send import notify
from tests import factories


class Watch:
    """True time, as the test has it; the database's clock goes on as it likes."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def _waiting(any_app):
    """One delivery that is due and one that is tried again in two minutes."""
    factories.template()
    factories.rule()
    factories.people(2)
    for number, delay in enumerate((-1, 120)):
        notify(str(number), "payment_success", async_send=True, amount=1)
        with writing() as connection:
            connection.execute(
                update(Delivery)
                .where(Delivery.pk == factories.deliveries("email")[number].pk)
                .values(next_attempt_at=db_clock(delay))
            )


def waits():
    return [(row.next_attempt_at - utcnow()).total_seconds() for row in factories.deliveries("email")]


@pytest.mark.usefixtures("_waiting")
def test_a_clock_that_goes_as_time_does_moves_nothing():
    before = waits()
    steps = Steps()
    assert steps.look() == 0
    assert steps.look() == 0
    assert waits() == pytest.approx(before, abs=1)


@pytest.mark.usefixtures("_waiting")
def test_set_back_nothing_waits_for_the_hours_in_between():
    watch = Watch()
    steps = Steps(watch)
    steps.look()
    with writing() as connection:  # seen from a clock two hours slow, all of it lies in the future
        connection.execute(update(Delivery).values(next_attempt_at=Delivery.next_attempt_at))
        for row in factories.deliveries("email"):
            moment = row.next_attempt_at + timedelta(hours=2)
            connection.execute(update(Delivery).where(Delivery.pk == row.pk).values(next_attempt_at=moment))
    watch.now = 7_200
    assert steps.look() == pytest.approx(-7_200, abs=5)
    assert waits() == pytest.approx([-1, 120], abs=5)


@pytest.mark.usefixtures("_waiting")
def test_set_forward_a_retry_still_waits_its_time():
    watch = Watch()
    steps = Steps(watch)
    steps.look()
    with writing() as connection:  # seen from a clock two hours fast, all of it has long been due
        for row in factories.deliveries("email"):
            moment = row.next_attempt_at - timedelta(hours=2)
            connection.execute(update(Delivery).where(Delivery.pk == row.pk).values(next_attempt_at=moment))
    watch.now = -7_200
    assert steps.look() == pytest.approx(7_200, abs=5)
    assert waits()[1] == pytest.approx(120, abs=5)
    assert waits()[0] < 0


@pytest.mark.usefixtures("_waiting")
def test_of_two_processes_that_see_a_step_one_makes_it_good():
    watch = Watch()
    both = [Steps(watch), Steps(watch)]
    assert [steps.look() for steps in both] == [0, 0]
    watch.now = 7_200
    assert [round(steps.look(), -1) for steps in both] == [-7_200, 0]
    assert [steps.look() for steps in both] == [0, 0]


@pytest.mark.usefixtures("any_app")
def test_the_first_look_is_taken_again_where_it_was_too_slow_to_tell():
    looked = iter([0.0, 5.0, 6.0, 6.1, 7_206.1, 7_206.2])  # the first took five seconds, the second a tenth of one
    steps = Steps(lambda: next(looked))
    steps.begin()
    assert steps.look() == pytest.approx(-7_200, abs=5)


@pytest.mark.usefixtures("any_app")
def test_a_breaker_probes_as_soon_as_it_would_have():
    with writing() as connection:
        connection.execute(
            Breaker.__table__.insert().values(
                provider="smtp", failures=5, opened_at=db_clock(7_200), next_probe_at=db_clock(7_210), updated_at=db_clock()
            )
        )
    watch = Watch()
    steps = Steps(watch)
    steps.look()
    watch.now = 7_200
    steps.look()
    found = db.session.query(Breaker).one()
    assert (found.next_probe_at - utcnow()).total_seconds() == pytest.approx(10, abs=5)
