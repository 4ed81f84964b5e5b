"""Lease and hand-over: no row in two hands, none handed over that was stopped."""

import threading

import pytest

from tasks import control
from tasks.broadcasts import create
from tasks.claim import claim
from tasks.database import writing
from tasks.expand import expand
from tasks.extensions import db
from tasks.ledger import lease
from tasks.ledger.processes import current_process_id
from tasks.models import Broadcast, Delivery
from tasks.models.types import db_clock
from tasks.options import SendOptions
from tasks.send import notify_bulk
from tests import factories


@pytest.fixture
def _queued(any_app):
    factories.template()
    factories.rule()
    factories.people(30)
    notify_bulk([str(n) for n in range(30)], "payment_success", amount=1)


@pytest.fixture
def broadcast_pk(any_app):
    factories.template()
    factories.rule()
    factories.people(30)
    pk = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(pk, lambda: False, lambda channels: None)
    return pk


@pytest.mark.usefixtures("_queued")
def test_a_lease_takes_what_is_due_up_to_its_limit_and_counts_the_try():
    token, ids = lease.lease("email", None, 20, current_process_id())
    assert len(ids) == 20
    rows = {row.pk: row for row in factories.deliveries("email")}
    assert {rows[pk].state for pk in ids} == {"sending"}
    assert {rows[pk].lease_token for pk in ids} == {token}
    assert {rows[pk].attempt_count for pk in ids} == {1}
    assert len(lease.lease("email", None, 20, current_process_id())[1]) == 10
    assert lease.lease("email", None, 20, current_process_id())[1] == []
    assert lease.lease("sms", None, 20, current_process_id())[1] == []


@pytest.mark.usefixtures("_queued")
def test_many_workers_never_hold_one_row_twice(any_app):
    found: list[int] = []
    guard = threading.Lock()

    def work():
        with any_app.app_context():
            while True:
                _, ids = lease.lease("email", None, 3, 1)
                if not ids:
                    return
                with guard:
                    found.extend(ids)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) == 30


@pytest.mark.usefixtures("_queued")
def test_only_its_own_token_hands_a_row_over():
    token, ids = lease.lease("email", None, 2, current_process_id())
    assert lease.hand_over(ids, "another", 1) == set()
    assert lease.hand_over(ids, token, 1) == set(ids)


@pytest.mark.usefixtures("_queued")
def test_what_expired_meanwhile_is_closed_and_not_handed_over():
    token, ids = lease.lease("email", None, 2, current_process_id())
    with writing() as connection:
        connection.execute(Delivery.__table__.update().where(Delivery.pk == ids[0]).values(expires_at=db_clock(-1)))
    assert lease.hand_over(ids, token, 1) == {ids[1]}
    row = db.session.get(Delivery, ids[0])
    assert (row.state, row.reason, row.attempt_count) == ("expired", "expired", 0)


@pytest.mark.usefixtures("_queued")
def test_a_released_row_is_as_if_nobody_had_seen_it():
    token, ids = lease.lease("email", None, 5, current_process_id())
    lease.release(ids, token)
    assert {(row.state, row.attempt_count, row.lease_token) for row in factories.deliveries("email")} == {("queued", 0, None)}


def test_a_broadcast_has_a_lane_of_its_own_while_it_runs(broadcast_pk):
    assert list(lease.lanes("email")) == [None, broadcast_pk]
    assert lease.lease("email", None, 5, 1)[1] == []
    control.pause(broadcast_pk, "test")
    assert list(lease.lanes("email")) == [None]
    control.resume(broadcast_pk, "test")
    assert len(lease.lease("email", broadcast_pk, 5, 1)[1]) == 5


def test_a_pause_between_lease_and_hand_over_puts_the_rows_back(broadcast_pk):
    token, ids = lease.lease("email", broadcast_pk, 5, 1)
    control.pause(broadcast_pk, "test")
    assert lease.hand_over(ids, token, 1) == set()
    assert {(row.state, row.attempt_count) for row in factories.deliveries("email")} == {("queued", 0)}


def test_a_cancel_between_lease_and_hand_over_closes_the_rows_and_counts_them(broadcast_pk):
    token, work = claim("email", broadcast_pk, 5, 1)
    control.cancel(broadcast_pk, "test")
    assert lease.hand_over([entry.delivery_id for entry in work], token, 1) == set()
    control.sweep_cancelled(broadcast_pk, 1)
    assert {row.state for row in factories.deliveries("email")} == {"cancelled"}
    assert db.session.get(Broadcast, broadcast_pk, populate_existing=True).finished_at is not None
