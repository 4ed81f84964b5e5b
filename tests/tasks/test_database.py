"""The database layer on the real thing: fairness, rollback, the key, the clock."""

import threading
import time

import pytest
from sqlalchemy import func, select

from tasks.database import FairLock, Turn, reading, writing
from tasks.extensions import db
from tasks.models import Rule
from tasks.models.types import db_clock, utcnow


def _write_and_fail():
    with writing() as connection:
        connection.execute(
            Rule.__table__.insert().values(notification_type="a", channels=[], mandatory=False, priority=5, description="")
        )
        raise RuntimeError("stop")


def test_a_failed_transaction_leaves_nothing(any_app):
    with pytest.raises(RuntimeError, match="stop"):
        _write_and_fail()
    assert db.session.scalar(select(func.count()).select_from(Rule)) == 0


def test_the_database_clock_agrees_with_ours_and_adds_seconds(any_app):
    with reading() as connection:
        now, later = connection.execute(select(db_clock(), db_clock(90))).one()
    assert abs((now - utcnow()).total_seconds()) < 5
    assert 89 < (later - now).total_seconds() < 91


def test_the_installation_has_a_key_from_its_first_migration(any_app):
    assert len(any_app.extensions["carillon.public_id_key"]()) == 32


def test_a_writing_transaction_inside_another_is_refused_instead_of_waiting_for_itself(app):
    with writing(), pytest.raises(RuntimeError, match="inside another"), writing():
        pass


def test_many_threads_write_at_once_and_none_is_refused(app):
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            with app.app_context():
                for step in range(20):
                    with writing() as connection:
                        connection.execute(select(func.count()).select_from(Rule)).scalar()
                        connection.execute(
                            Rule.__table__.insert().values(
                                notification_type=f"{number}-{step}", channels=[], mandatory=False, priority=5, description=""
                            )
                        )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert db.session.scalar(select(func.count()).select_from(Rule)) == 160


def test_the_fair_lock_serves_in_order_of_arrival():
    lock, order, started = FairLock(), [], []

    def wait(number: int) -> None:
        started.append(number)
        with lock:
            order.append(number)

    threads = [threading.Thread(target=wait, args=(n,)) for n in range(5)]
    with lock:
        for number, thread in enumerate(threads):
            thread.start()
            while len(lock._waiting) <= number:
                pass
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_writers_of_two_processes_take_turns_and_the_waiting_one_is_woken(tmp_path):
    """Two files opened on their own stand for two processes: that is what the system's lock goes by."""
    one, other = (Turn(str(tmp_path / "carillon.db")) for _ in range(2))
    held, said = threading.Event(), []

    def wait():
        held.wait(10)
        with other:
            said.append("other")

    thread = threading.Thread(target=wait)
    thread.start()
    with one:
        held.set()
        time.sleep(0.05)
        said.append("one")
    thread.join(10)
    assert said == ["one", "other"]
