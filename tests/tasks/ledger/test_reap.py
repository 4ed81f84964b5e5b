"""The reaper: what a dead worker held is freed, and nothing is sent twice in silence."""

import os
import subprocess
import sys

import pytest

from tasks.database import writing
from tasks.extensions import db
from tasks.ledger import lease, processes
from tasks.ledger.reap import reap
from tasks.ledger.unchanged import Unchanged
from tasks.models import Delivery, Process
from tasks.models.types import db_clock
from tasks.send import notify_bulk
from tests import factories


@pytest.fixture
def dead(any_app):
    """The id of a process that ran here and was killed."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with writing() as connection:
        pk = connection.execute(
            Process.__table__.insert()
            .returning(Process.id)
            .values(
                kind="worker",
                host=os.uname().nodename,
                boot_id=processes._boot_id(),
                pid=child.pid,
                started_ticks=processes._started_ticks(child.pid),
                heartbeat_at=db_clock(),
            )
        ).scalar_one()
    assert processes.dead_processes() == []
    child.kill()
    child.wait()
    return pk


def queued(count=4, on_unknown=None):
    factories.template()
    factories.rule(on_unknown=on_unknown)
    factories.people(count)
    notify_bulk([str(n) for n in range(count)], "payment_success", amount=1)


def states():
    return [(row.state, row.reason, row.attempt_count) for row in factories.deliveries("email")]


def test_what_was_leased_and_not_handed_over_goes_back_untried_and_at_once(dead):
    queued()
    lease.lease("email", None, 4, dead)
    assert reap(lambda channel: False, [60], 1) == 4
    assert states() == [("queued", "", 0)] * 4
    assert len(lease.lease("email", None, 4, 1)[1]) == 4


def test_what_was_handed_over_is_unknown_and_says_so(dead):
    queued()
    token, ids = lease.lease("email", None, 4, dead)
    lease.hand_over(ids[:2], token, 1)
    reap(lambda channel: False, [60], 1)
    assert states() == [("unknown", "in_doubt", 1)] * 2 + [("queued", "", 0)] * 2
    assert factories.deliveries("email")[0].attempts[0].code == "worker_lost"


def test_a_type_that_retries_doubt_is_tried_again_after_its_delay(dead):
    queued(1, on_unknown="retry")
    token, ids = lease.lease("email", None, 1, dead)
    lease.hand_over(ids, token, 1)
    reap(lambda channel: False, [60], 1)
    assert states() == [("retrying", "in_doubt", 1)]


def test_a_provider_that_drops_repeats_gets_it_again_at_once(dead):
    queued(1)
    token, ids = lease.lease("email", None, 1, dead)
    lease.hand_over(ids, token, 1)
    reap(lambda channel: True, [60], 1)
    assert states() == [("retrying", "in_doubt", 1)]
    assert lease.lease("email", None, 1, 1)[1] == ids


def test_a_live_process_keeps_what_it_holds(any_app):
    queued()
    lease.lease("email", None, 4, processes.register("worker"))
    assert reap(lambda channel: False, [60], 1) == 0


class Turned:
    """A clock that the test turns."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def reaped_over(clock, seconds):
    """Reap every ten seconds for so long; how many rows were freed."""
    freed = 0
    for _ in range(int(seconds / 10)):
        clock.now += 10
        freed += reap(lambda channel: False, [60], 1)
    return freed


def test_a_lease_that_is_over_is_freed_though_its_process_lives(any_app):
    clock = Turned()
    any_app.extensions["carillon.leases"] = Unchanged(clock)
    queued()
    lease.lease("email", None, 4, processes.register("worker"))
    assert reaped_over(clock, lease.LEASE) == 0
    assert reaped_over(clock, 20) == 4


@pytest.mark.parametrize("step", [7_200, -7_200, 86_400, -86_400])
def test_a_stepped_clock_takes_no_lease_from_the_living(any_app, step):
    queued()
    lease.lease("email", None, 4, processes.register("worker"))
    with writing() as connection:  # as it looks after the step
        connection.execute(Delivery.__table__.update().values(lease_until=db_clock(300 - step)))
        connection.execute(Process.__table__.update().values(heartbeat_at=db_clock(-step), host="elsewhere"))
    assert reap(lambda channel: False, [60], 1) == 0


def test_a_process_that_was_given_up_and_lives_goes_on_under_a_new_row(any_app):
    given_up = processes.current_process_id()
    with writing() as connection:
        connection.execute(Process.__table__.update().values(ended_at=db_clock()))
    processes.heartbeat()
    assert processes.current_process_id() != given_up


def test_what_this_process_gave_up_goes_back_untried_and_unsuspected(any_app):
    queued(2)
    with pytest.raises(KeyError), lease.abandoned_on_error(lease.lease("email", None, 2, processes.register("worker"))[0]):
        raise KeyError
    assert reap(lambda channel: False, [60], 1) == 2
    assert states() == [("queued", "", 0)] * 2
    assert {row.reap_count for row in factories.deliveries("email")} == {0}
    assert lease.abandoned() == []


def test_what_kills_its_worker_again_and_again_is_set_aside_and_condemns_nobody_beside_it(dead):
    queued(3)
    for _ in range(lease.SUSPECT_AFTER):
        assert len(lease.lease("email", None, 3, dead)[1]) == 3
        reap(lambda channel: False, [60], 1)
    for _ in range(3):  # from now on each is alone in its lease; the first one in the queue is the killer
        (killer,) = lease.lease("email", None, 3, dead)[1]
        reap(lambda channel: False, [60], 1)
        with writing() as connection:
            connection.execute(Delivery.__table__.update().where(Delivery.pk == killer).values(next_attempt_at=db_clock(-60)))
    assert sorted(states()) == [("failed", "poison", 1)] + [("queued", "", 0)] * 2


def test_two_reapers_at_once_free_each_row_once(dead):
    queued()
    lease.lease("email", None, 4, dead)
    assert reap(lambda channel: False, [60], 1) + reap(lambda channel: False, [60], 2) == 4


def test_a_process_on_another_host_is_dead_after_a_minute_of_silence(any_app):
    pk = processes.register("worker")
    with writing() as connection:
        connection.execute(Process.__table__.update().values(host="elsewhere", heartbeat_at=db_clock(-50)))
    assert processes.dead_processes() == []
    with writing() as connection:
        connection.execute(Process.__table__.update().values(heartbeat_at=db_clock(-61)))
    assert processes.dead_processes() == [pk]
    assert db.session.get(Process, pk).ended_at is not None


def test_a_pid_that_was_given_to_another_program_does_not_pass_for_the_old_one(any_app):
    pk = processes.register("worker")
    with writing() as connection:
        connection.execute(Process.__table__.update().values(started_ticks="1"))
    assert processes.dead_processes() == [pk]
