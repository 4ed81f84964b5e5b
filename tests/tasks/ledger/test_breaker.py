"""The breaker: an outage burns no attempts, one probe looks, and it recovers by itself."""

import pytest

from tasks import deliver, jobs
from tasks.channels.base import Channel, ChannelError, Receipt
from tasks.database import reading, writing
from tasks.ledger import breaker
from tasks.models import Breaker
from tasks.models.types import db_clock
from tasks.send import notify_bulk
from tests import factories


class Flaky(Channel):
    """Stands in for a provider behind a network that comes and goes."""

    name, channel, concurrency = "flaky", "email", 1
    down = True
    code = "unreachable"
    calls = 0

    def send_one(self, message, target):
        self.calls += 1
        if self.down:
            raise ChannelError("connection refused", code=self.code)
        return Receipt("ok")


def probe_now():
    with writing() as connection:
        connection.execute(Breaker.__table__.update().values(next_probe_at=db_clock(-1)))


def fail(times, **values):
    with writing() as connection:
        breaker.failed(connection, "flaky", times, "refused", **values)


def test_it_opens_after_five_errors_in_a_row_and_lets_one_probe_through(any_app):
    assert breaker.permit("flaky") == "healthy"
    fail(4)
    assert breaker.permit("flaky") == "shaky"
    fail(1)
    assert breaker.permit("flaky") == "open"
    probe_now()
    assert [breaker.permit("flaky"), breaker.permit("flaky")] == ["probe", "open"]
    with writing() as connection:
        breaker.succeeded(connection, "flaky")
    assert breaker.permit("flaky") == "healthy"


def test_wrong_credentials_open_it_at_once(any_app):
    fail(1, at_once=True)
    assert breaker.permit("flaky") == "open"
    assert breaker.failing()["flaky"].last_error == "refused"


@pytest.fixture
def flaky(any_app):
    provider = any_app.extensions["carillon.providers"]["email"] = Flaky(any_app.extensions["carillon.settings"])
    factories.template()
    factories.rule()
    factories.people(40)
    notify_bulk([str(n) for n in range(40)], "payment_success", amount=1)
    return provider


def work():
    while jobs._round("email"):
        pass


def test_an_outage_burns_no_attempts_and_all_goes_out_when_it_is_over(flaky):
    work()
    rows = factories.deliveries("email")
    burnt = [row for row in rows if row.attempt_count]
    assert 5 <= len(burnt) <= deliver.CLAIM
    for _ in range(10):  # ten probes later nobody is worse off
        probe_now()
        work()
    assert max(row.attempt_count for row in factories.deliveries("email")) == 1
    assert {row.state for row in factories.deliveries("email")} <= {"queued", "retrying"}
    flaky.down = False
    factories.due_now()
    probe_now()
    work()
    assert {row.state for row in factories.deliveries("email")} == {"sent"}
    with reading() as connection:
        assert not breaker.is_open(connection, "flaky")


def test_many_recipients_in_trouble_are_no_outage(flaky):
    flaky.code = "451"
    work()
    assert {row.attempt_count for row in factories.deliveries("email")} == {1}
    assert breaker.permit("flaky") == "healthy"
