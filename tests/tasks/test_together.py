"""Requests that share one transaction: each meets exactly what it would have met alone."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from tasks import together as module
from tasks.database import writing
from tasks.errors import InvalidOption
from tasks.extensions import db
from tasks.models import Rule
from tasks.together import together

NAME = contextvars.ContextVar("name", default="nobody")


def _rule(connection: Connection, name: str) -> str:
    values = {"channels": [], "mandatory": False, "priority": 5, "description": ""}
    connection.execute(insert(Rule.__table__).values(notification_type=name, **values))
    return name


def _rules() -> list[str]:
    with db.engine.connect() as connection:
        return sorted(connection.execute(select(Rule.notification_type)).scalars())


@contextmanager
def _commits() -> Iterator[list[object]]:
    found: list[object] = []

    def note(connection: object) -> None:
        found.append(connection)

    event.listen(db.engine, "commit", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "commit", note)


def _all_at_once(app, works: list[Callable[[Connection], object]]) -> list[object]:
    """What each of `works` came to (what it returned, or raised), after all of them waited for the writer together."""
    found: list[object] = [None] * len(works)

    def call(number: int) -> None:
        with app.app_context():
            NAME.set(f"thread {number}")
            try:
                found[number] = together(works[number])
            except Exception as error:
                found[number] = error

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(works))]
    with writing():
        for thread in threads:
            thread.start()
        group = app.extensions["carillon.together"]
        while len(group._waiting) < len(works):
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    assert not group._waiting
    return found


def test_who_waits_for_the_writer_shares_its_next_commit(app):
    with _commits() as commits:
        found = _all_at_once(app, [lambda connection, n=n: _rule(connection, f"r{n}") for n in range(6)])
    assert found == _rules() == [f"r{n}" for n in range(6)]
    assert len(commits) == 2  # of the one that made them wait, and theirs


def test_each_runs_in_the_context_of_its_own_request(app):
    assert _all_at_once(app, [lambda _: NAME.get()] * 4) == [f"thread {n}" for n in range(4)]


def test_what_one_raises_undoes_that_one_alone(app):
    def refused(connection: Connection) -> None:
        _rule(connection, "half")
        raise InvalidOption("no", field="x", remedy="y")

    found = _all_at_once(app, [lambda c: _rule(c, "a"), refused, lambda c: _rule(c, "b")])
    assert (found[0], found[2]) == ("a", "b")
    assert isinstance(found[1], InvalidOption)
    assert _rules() == ["a", "b"]


def test_a_fault_of_the_database_is_met_only_by_the_one_that_makes_it(app):
    def twice(connection: Connection) -> None:
        _rule(connection, "twice")
        _rule(connection, "twice")

    found = _all_at_once(app, [lambda c: _rule(c, "a"), twice, lambda c: _rule(c, "b")])
    assert (found[0], found[2]) == ("a", "b")
    assert isinstance(found[1], IntegrityError)
    assert _rules() == ["a", "b"]


def test_a_commit_that_fails_is_no_success_for_anybody_and_is_not_tried_again(app):
    runs: list[str] = []

    def work(connection: Connection) -> None:
        runs.append(_rule(connection, f"r{len(runs)}"))

    def fail(_connection: object) -> None:
        if runs:
            raise OperationalError("COMMIT", None, Exception("disk"))

    event.listen(db.engine, "commit", fail)
    try:
        found = _all_at_once(app, [work] * 3)
    finally:
        event.remove(db.engine, "commit", fail)
    assert [type(one) for one in found] == [OperationalError] * 3
    assert len(runs) == 3
    assert _rules() == []


def test_where_no_transaction_can_begin_everyone_is_told_and_the_next_ones_go_on(app, monkeypatch):
    @contextmanager
    def away() -> Iterator[Connection]:
        raise OperationalError("BEGIN", None, Exception("away"))
        yield

    with monkeypatch.context() as patched:
        patched.setattr(module, "writing", away)
        with pytest.raises(OperationalError):
            together(lambda c: _rule(c, "a"))
    assert together(lambda c: _rule(c, "b")) == "b"
    assert _rules() == ["b"]


def test_more_than_fit_into_one_transaction_are_led_by_one_of_the_rest(app, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    with _commits() as commits:
        found = _all_at_once(app, [lambda connection, n=n: _rule(connection, f"r{n}") for n in range(5)])
    assert found == [f"r{n}" for n in range(5)]
    assert len(commits) == 4
