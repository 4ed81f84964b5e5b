"""Rates of broadcasts and channels: never passed, shared fairly, and no reason to wait for what is urgent."""

import threading

import pytest

from tasks import broadcasts, jobs
from tasks.claim import claim
from tasks.database import writing
from tasks.expand import expand
from tasks.ledger import breaker, lease, pace, rate
from tasks.ledger.processes import current_process_id
from tasks.ledger.rate import Limit
from tasks.models import OptOut
from tasks.options import SendOptions
from tasks.send import notify, notify_bulk
from tests import factories
from tests.tasks.ledger.test_rate import age, clock

SLOW = {"email_rate": 60}


@pytest.fixture
def settings(request):
    """A module's `app` has no rates, unless a test asks for them."""
    return getattr(request, "param", {})


@pytest.fixture
def people(any_app):
    factories.template()
    factories.rule()
    factories.people(40)


@pytest.fixture(autouse=True)
def _rested():
    yield
    jobs._rests.clear()


def running(**options):
    """A broadcast to everybody, its rows written."""
    pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions(**options))
    expand(pk, lambda: False, lambda channels: None)
    return pk


def sent(broadcast_pk):
    return sum(row.state == "sent" for row in factories.deliveries("email") if row.broadcast_id == broadcast_pk)


@pytest.mark.usefixtures("people")
def test_a_broadcast_hands_over_no_more_than_its_rate():
    pk = running(rate_per_minute=60)
    assert jobs._round("email") == 1  # the first at once; from then on one a second
    assert jobs._round("email") == 0
    assert jobs._rests["email"][pk] > 0
    for idle in (2, 600):  # what idles saves up two, not ten minutes' worth
        jobs._rests.clear()
        age(idle, f"broadcast:{pk}")
        assert jobs._round("email") == 2
    assert sent(pk) == 5


@pytest.mark.usefixtures("people")
def test_a_lane_without_a_rate_touches_no_limit():
    pk = running()
    assert jobs._round("email") >= 16
    assert lease.lanes("email") == {None: None, pk: None}
    assert rate.look(Limit(f"broadcast:{pk}", 1)).remaining == 1


@pytest.mark.parametrize("settings", [SLOW], indirect=True)
@pytest.mark.usefixtures("people")
def test_broadcasts_share_a_channel_s_rate_in_turn():
    pks = [running(), running()]
    for _ in range(8):
        age(1, "channel:email")
        jobs._rests.clear()
        jobs._round("email")
    assert min(sent(pk) for pk in pks) >= 3


@pytest.mark.parametrize("settings", [SLOW], indirect=True)
@pytest.mark.usefixtures("people")
def test_what_is_no_broadcast_does_not_wait_for_them_and_they_pay():
    pk = running()
    while jobs._round("email"):
        pass
    before = sent(pk)
    notify("1", "payment_success", async_send=True, amount=1)
    jobs.deliver_singles.call_local("email")
    assert [row.state for row in factories.deliveries("email") if row.broadcast_id is None] == ["sent"]
    age(1, "channel:email")
    jobs._rests.clear()
    jobs._round("email")
    assert sent(pk) == before  # the second that passed was paid to the single message
    age(2, "channel:email")
    jobs._rests.clear()
    jobs._round("email")
    assert sent(pk) > before


@pytest.mark.parametrize("settings", [SLOW], indirect=True)
@pytest.mark.usefixtures("people")
def test_what_is_no_broadcast_keeps_the_channel_s_rate_too():
    notify_bulk([str(n) for n in range(20)], "payment_success", amount=1)
    jobs.deliver_singles.call_local("email")
    assert sent(None) == 1
    age(2, "channel:email:single")
    jobs._rests.clear()
    jobs.deliver_singles.call_local("email")
    assert 3 <= sent(None) <= 4


@pytest.mark.parametrize("settings", [SLOW], indirect=True)
@pytest.mark.usefixtures("people")
def test_a_message_sent_by_its_caller_is_counted_and_waits_for_nothing():
    for number in range(3):
        notify(str(number), "payment_success", amount=1)
    assert sent(None) == 3
    pk = running()
    assert jobs._round("email") == 0
    assert sent(pk) == 0


@pytest.mark.usefixtures("people")
def test_what_was_not_handed_over_is_given_back():
    pk = running(rate_per_minute=60)
    with writing() as connection:
        connection.execute(OptOut.__table__.insert(), [
            {"recipient_id": row.notification.recipient_id, "notification_type": "payment_success", "channel": "email"}
            for row in factories.deliveries("email")
        ])
    for _ in range(3):
        assert jobs._round("email") == 1
        jobs._rests.clear()
    assert {row.state for row in factories.deliveries("email") if row.state != "queued"} == {"skipped"}
    assert sent(pk) == 0


@pytest.mark.usefixtures("people")
def test_eight_threads_that_lease_never_pass_a_rate_and_take_no_row_twice(any_app):
    pk = running(rate_per_minute=6_000)
    taken: list[int] = []
    start = clock()

    def work():
        with any_app.app_context():
            for _ in range(6):
                taken.extend(lease.lease("email", pk, 5, current_process_id(), pace.of("email", pk, 6_000))[1])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) <= 1 + (clock() - start + 0.01) * 100


@pytest.mark.usefixtures("people")
def test_an_idle_look_at_a_lane_that_is_out_of_its_rate_writes_nothing(monkeypatch):
    pk = running(rate_per_minute=1)
    assert len(claim("email", pk, 5, 1, pace.of("email", pk, 1))[1]) == 1
    spent = pace.of("email", pk, 1)
    monkeypatch.setattr(lease, "writing", None)
    assert claim("email", pk, 5, 1, spent)[1] == []
    assert 50 < spent.wait <= 60
    assert sum(row.state == "queued" for row in factories.deliveries("email")) == 39


@pytest.mark.usefixtures("people")
def test_a_lane_that_has_rested_and_whose_provider_is_down_is_not_asked_for_ever():
    running(rate_per_minute=60)
    while jobs._round("email"):
        pass
    assert jobs._rests["email"]
    for lane in jobs._rests["email"]:
        jobs._rests["email"][lane] = 0.0
    with writing() as connection:
        breaker.failed(connection, "simulator", 1, "no route", at_once=True)
    assert jobs._round("email") == 0
    assert not jobs._rest("email")
