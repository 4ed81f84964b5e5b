"""After a send: whoever is online hears of it, and nothing that goes wrong there reaches the sender."""

import logging
import time

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tasks import live, presence
from tasks.extensions import db
from tasks.inbox import Change
from tasks.ledger.processes import current_process_id
from tasks.live.setup import Live
from tests.peers.inbox_rows import messages, person


@pytest.fixture
def statements(app):
    asked = []

    def keep(*args):
        asked.append(args[2])

    pks = messages([person(str(n)) for n in range(50)])
    event.listen(db.engine, "before_cursor_execute", keep)
    yield pks, asked
    event.remove(db.engine, "before_cursor_execute", keep)


class Told:
    """The other processes, as a list of what they were told."""

    def __init__(self):
        self.looks = []
        self.changes = []

    def wake(self, look, changes):
        self.looks += look
        self.changes += changes


@pytest.fixture
def told(app):
    found = Told()
    app.extensions["carillon.live"] = Live(None, found)
    return found


def test_the_only_process_with_nobody_connected_asks_nothing(statements):
    pks, asked = statements
    live.announce(pks)
    assert asked == []


def test_a_worker_with_nobody_online_asks_once_and_tells_nobody(told, statements):
    pks, asked = statements
    live.announce(pks)
    assert len(asked) == 1
    assert told.looks == []


def test_a_worker_tells_the_others_only_of_those_who_are_online(told):
    maya, ben = person("maya"), person("ben")
    presence.came("a", maya, current_process_id())
    live.announce(messages([maya, ben, maya]))
    assert told.looks == [maya]
    live.announce(messages([ben]))
    assert told.looks == [maya]


CHANGE = Change(7, 1, "read", (1,))


def test_a_change_is_told(told):
    live.changed(CHANGE)
    assert told.changes == [CHANGE]


def test_a_process_without_live_messages_stays_quiet(app):
    del app.extensions["carillon.live"]
    live.announce([1])
    live.changed(CHANGE)


def test_nothing_to_announce(told, statements):
    live.announce([])
    assert statements[1] == []


def test_a_database_that_is_away_does_not_fail_the_send(told, monkeypatch, caplog):
    def away(*_range):
        raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr(presence, "online_receivers", away)
    with caplog.at_level(logging.ERROR):
        live.announce([1])
    assert "who is online" in caplog.text


def test_a_broken_queue_does_not_fail_the_send(app, monkeypatch, caplog):
    class Broken:
        def wake(self, look, changes):
            raise RuntimeError("broken")

    app.extensions["carillon.live"] = Live(None, Broken())
    maya = person()
    presence.came("a", maya, current_process_id())
    live.announce(messages([maya]))
    live.changed(CHANGE)
    assert caplog.text.count("could not wake") == 2


@pytest.mark.parametrize("settings", [{"message_queue_url": "redis://127.0.0.1:1/0"}])
def test_redis_down_is_neither_an_error_nor_a_wait(app, settings):
    maya = person()
    presence.came("a", maya, current_process_id())
    pks = messages([maya])
    started = time.monotonic()
    for _ in range(100):
        live.announce(pks)
    assert time.monotonic() - started < 5
