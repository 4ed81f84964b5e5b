"""Undo: taken back before anything was written, once, whoever presses."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tasks import broadcasts, control, jobs
from tasks.database import writing
from tasks.errors import InvalidOption, WrongState
from tasks.expand import expand
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Notification
from tasks.models.types import db_clock, utcnow
from tasks.options import SendOptions
from tests import factories


@pytest.fixture
def offer(any_app):
    factories.template("offer", title="Hello")
    factories.people(3)


def send(**options):
    return broadcasts.create("all", "offer", {"amount": 1}, SendOptions(**options))


def over():
    """The seconds of grace have passed."""
    with writing() as connection:
        connection.execute(update(Broadcast).values(undo_until=db_clock(-1)))


def state(pk):
    return db.session.get(Broadcast, pk, populate_existing=True).state


def written():
    return db.session.scalar(select(func.count()).select_from(Notification))


def begin(pk):
    expand(pk, lambda: False, lambda channels: None)


def test_nothing_is_written_before_the_seconds_are_over(offer):
    pk = send(undo_seconds=30)
    begin(pk)
    jobs.tick()
    assert (state(pk), written(), broadcasts.due()) == ("queued", 0, [])

    over()
    assert broadcasts.due() == [pk]
    begin(pk)
    assert written() == 3


def test_undone_is_cancelled_and_stays_so(offer):
    pk = send(undo_seconds=30)
    row = control.undo(pk, "asha")
    assert (row.state, row.detail, row.finished_at is not None) == ("cancelled", "Taken back before anything was written.", True)
    over()
    begin(pk)
    assert written() == 0
    assert db.session.query(AuditEntry).one().action == "undo"


def test_a_send_that_asked_for_no_grace_starts_at_once_and_is_cancelled_not_undone(offer):
    pk = send()
    with pytest.raises(WrongState, match="cannot undo"):
        control.undo(pk, "asha")
    assert broadcasts.due() == [pk]


def test_what_has_begun_is_not_undone(offer):
    pk = send(undo_seconds=30)
    over()
    begin(pk)
    with pytest.raises(WrongState, match="cannot undo"):
        control.undo(pk, "asha")
    assert written() == 3


def test_a_scheduled_one_has_no_grace_of_its_own(offer):
    pk = send(undo_seconds=30, send_at=utcnow() + timedelta(hours=1))
    assert db.session.get(Broadcast, pk).undo_until is None


def test_of_sixty_four_presses_against_a_worker_that_begins_one_side_wins_wholly(offer, any_app):
    pk = send(undo_seconds=30)
    over()
    won, together = [], threading.Barrier(65)

    def press(name):
        with any_app.app_context():
            together.wait()
            try:
                control.undo(pk, name)
                won.append(name)
            except WrongState:
                pass
            db.session.remove()

    def work():
        with any_app.app_context():
            together.wait()
            begin(pk)
            db.session.remove()

    threads = [threading.Thread(target=press, args=(f"operator {n}",)) for n in range(64)] + [threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) <= 1
    assert (state(pk), written()) == (("cancelled", 0) if won else ("sending", 3))


@pytest.mark.parametrize("seconds", [-1, 61])
def test_a_grace_is_short(seconds):
    with pytest.raises(InvalidOption) as raised:
        SendOptions(undo_seconds=seconds)
    assert raised.value.field == "undo_seconds"
