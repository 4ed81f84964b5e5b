"""Who is online, as every process sees it."""

import pytest
from sqlalchemy import event, select, update

from tasks import presence
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Connection, Process
from tasks.models.types import db_clock
from tests.peers.inbox_rows import messages, person


@pytest.fixture
def here(any_app):
    return processes.register("web")


def set_process(pk, **values):
    with writing() as connection:
        connection.execute(update(Process).where(Process.id == pk).values(**values))


def rows():
    with reading() as connection:
        return set(connection.execute(select(Connection.sid)).scalars())


def test_online_is_who_has_a_connection(here):
    maya, ben = person("maya"), person("ben")
    assert presence.online([maya, ben]) == set()
    presence.came("a", maya, here)
    presence.came("b", maya, here)
    assert presence.online([maya, ben]) == {maya}
    presence.left("a")
    assert presence.online([maya, ben]) == {maya}
    presence.left("b")
    presence.left("b")
    assert presence.online([maya, ben]) == set()


def test_a_dead_process_keeps_nobody_online(here):
    maya = person()
    presence.came("a", maya, here)
    set_process(here, heartbeat_at=db_clock(-61))
    assert presence.online([maya]) == set()
    set_process(here, heartbeat_at=db_clock(-55))
    assert presence.online([maya]) == {maya}
    set_process(here, ended_at=db_clock())
    assert presence.online([maya]) == set()


def test_a_thousand_people_are_one_statement(here):
    people = [person(str(n)) for n in range(20)]
    presence.came("a", people[3], here)
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert presence.online([*people, *range(10_000, 10_980)]) == {people[3]}
    assert len(asked) == 1


def test_receivers_of_messages(here):
    maya, ben = person("maya"), person("ben")
    first, second, third = messages([maya, maya, ben])
    assert presence.online_receivers(first, third) == set()
    presence.came("a", maya, here)
    assert presence.online_receivers(first, third) == {maya}
    assert presence.online_receivers(second, second) == {maya}
    assert presence.online_receivers(third, third) == set()


def test_receivers_of_many_messages_are_one_statement(here):
    pks = messages([person()] * 50)
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    presence.online_receivers(pks[0], pks[-1])
    assert len(asked) == 1


def test_reconcile_mends_what_went_wrong_while_the_database_was_away(here):
    maya = person()
    other = processes.register("web")
    for sid, process in (("stays", here), ("gone", here), ("new", here), ("theirs", other)):
        presence.came(sid, maya, process)
    with writing() as connection:
        connection.execute(update(Connection).where(Connection.sid != "new").values(connected_at=db_clock(-61)))
    presence.reconcile(here, {"stays": maya, "missing": maya})
    assert rows() == {"stays", "missing", "new", "theirs"}
    set_process(other, ended_at=db_clock())
    presence.reconcile(here, {"stays": maya, "missing": maya})
    assert rows() == {"stays", "missing", "new"}
