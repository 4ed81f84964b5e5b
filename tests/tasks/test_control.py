"""Pause, resume, cancel: one acts, the other is told."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from tasks import broadcasts, control
from tasks.errors import UnknownBroadcast, WrongState
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast
from tasks.models.types import utcnow
from tasks.options import SendOptions
from tests import factories


@pytest.fixture
def pk(any_app):
    factories.template()
    return broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())


def test_a_paused_broadcast_goes_on_where_it_was(pk):
    assert control.pause(pk, "asha").state == "paused"
    assert control.resume(pk, "asha").state == "queued"
    assert control.cancel(pk, "asha").state == "cancelled"


def test_what_cannot_be_done_now_says_who_did_what_before(pk):
    control.cancel(pk, "asha@example.test")
    with pytest.raises(WrongState, match="cancelled") as raised:
        control.pause(pk, "bina")
    assert "asha@example.test" in raised.value.remedy


def test_an_unknown_broadcast_is_named(any_app):
    with pytest.raises(UnknownBroadcast):
        control.pause(99, "asha")


@pytest.mark.parametrize(("action", "state"), [("pause", "queued"), ("resume", "missed"), ("cancel", "sending")])
def test_of_sixty_four_who_press_at_once_one_acts_and_the_others_are_told_who(pk, any_app, action, state):
    with db.engine.begin() as connection:
        connection.execute(Broadcast.__table__.update().values(state=state, send_at=utcnow() - timedelta(hours=2)))
    won, told = [], []
    together = threading.Barrier(64)

    def press(name):
        with any_app.app_context():
            together.wait()
            try:
                getattr(control, action)(pk, name)
                won.append(name)
            except WrongState as error:
                told.append(error.remedy)

    threads = [threading.Thread(target=press, args=(f"operator {n}",)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(told)) == (1, 63)
    assert all(f"{action} by {won[0]} at " in remedy for remedy in told)
    entries = select(AuditEntry.actor).where(AuditEntry.object_type == "broadcast", AuditEntry.action == action)
    assert db.session.scalars(entries).all() == won
