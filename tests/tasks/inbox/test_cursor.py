"""A cursor loses nothing and gives nothing twice, in whatever order the writers' transactions end."""

import random
import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from tasks import inbox
from tasks.database import reading
from tasks.extensions import db
from tasks.inbox import Cursor
from tests.peers.inbox_rows import messages, person, write_messages

# On SQLite one writer at a time commits: nothing can be in flight.
postgres = pytest.mark.parametrize("any_app", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
SEED = random.randrange(1 << 30)


@contextmanager
def open_transaction():
    connection = db.engine.connect()
    transaction = connection.begin()
    try:
        yield connection, transaction
    finally:
        if transaction.is_active:
            transaction.rollback()
        connection.close()


def look(recipient, cursor, limit=1000):
    """What a client does: everything new, and the cursor afterwards."""
    with reading() as connection:
        settled, _ = inbox.horizon(connection)
        rows = inbox.since(connection, recipient, cursor, limit=limit)
    for row in rows:
        cursor = cursor.after(row.pk, settled)
    return [row.pk for row in rows], cursor if len(rows) == limit else cursor.at(settled)


def test_text_brings_the_same_cursor_back(app):
    for cursor in (Cursor(), Cursor(7), Cursor(7, frozenset({9, 12})), Cursor((1 << 48) - 1)):
        assert inbox.decode(inbox.encode(cursor)) == cursor


@pytest.mark.parametrize("written", [
    None, 7, "", "7", "nonsense", "." * 50, "0" * 100_000, ["a"], "00000000-0000-8000-8000-000000000000",
])
def test_text_of_others_is_no_cursor(app, written):
    assert inbox.decode(written) is None


def test_changed_text_is_no_cursor(app):
    good = inbox.encode(Cursor(7, frozenset({9})))
    for changed in (good.replace(good[0], "f" if good[0] != "f" else "e", 1), good + ".", good + ".x", good + ".-1", good + ".²"):
        assert inbox.decode(changed) is None
    assert inbox.decode(good + ".1" * 501) is None


def test_text_does_not_tell_how_much_is_sent(app):
    assert "123456" not in inbox.encode(Cursor(123456))
    assert inbox.encode(Cursor(123456))[:8] != inbox.encode(Cursor(123457))[:8]


def test_very_long_text_forgets_only_to_skip(app):
    many = Cursor(5, frozenset(range(10, 2000)))
    kept = inbox.decode(inbox.encode(many))
    assert kept.floor == 5
    assert kept.ahead == frozenset(range(10, 510))


def test_everything_comes_once_and_in_order(any_app):
    maya, other = person("maya"), person("other")
    given, cursor = [], Cursor()
    expected = []
    for _ in range(5):
        expected += messages([maya, maya])
        messages([other])
        new, cursor = look(maya, cursor)
        given += new
    assert given == expected
    assert look(maya, cursor) == ([], cursor)
    assert cursor.ahead == frozenset()


def test_pages_cover_the_gap(any_app):
    maya = person()
    expected = messages([maya] * 25)
    given, cursor = [], Cursor()
    while True:
        new, cursor = look(maya, cursor, limit=10)
        given += new
        if len(new) < 10:
            break
    assert given == expected


@postgres
def test_a_lower_number_that_appears_later_is_not_skipped(any_app):
    maya, other = person("maya"), person("other")
    _, cursor = look(maya, Cursor())
    with open_transaction() as (slow, transaction):
        held = write_messages(slow, [maya])
        fast = messages([maya, other])[:1]
        assert held < fast
        new, cursor = look(maya, cursor)
        assert new == fast
        assert cursor.floor < held[0]
        assert look(maya, cursor)[0] == []
        transaction.commit()
    new, cursor = look(maya, cursor)
    assert new == held
    assert look(maya, cursor)[0] == []
    assert cursor == Cursor(fast[0] + 1)  # nothing in flight any more: the floor is the last number drawn


@postgres
def test_a_rolled_back_number_does_not_hold_the_floor(any_app):
    maya = person()
    with open_transaction() as (slow, _):
        write_messages(slow, [maya])
        with reading() as connection:
            settled, drawn = inbox.horizon(connection)
        assert settled < drawn
    with reading() as connection:
        assert inbox.horizon(connection) == (drawn, drawn)


@postgres
def test_one_lock_a_transaction_however_many_statements(any_app):
    maya = person()
    with open_transaction() as (connection, _):
        for _ in range(5):
            write_messages(connection, [maya])
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert connection.scalar(text(locks)) == 1


@postgres
def test_a_savepoint_that_is_rolled_back_takes_the_lock_along_and_the_next_write_takes_it_again(any_app):
    maya = person()
    with open_transaction() as (connection, _):
        point = connection.begin_nested()
        write_messages(connection, [maya])
        point.rollback()
        with reading() as other:
            assert inbox.horizon(other)[0] == inbox.horizon(other)[1]
        held = write_messages(connection, [maya])
        with reading() as other:
            assert inbox.horizon(other)[0] < held[0]


@postgres
def test_an_unrelated_long_transaction_holds_nothing_back(any_app):
    maya = person()
    with open_transaction() as (idle, _):
        idle.execute(text("UPDATE recipients SET name = 'x'"))
        pks = messages([maya])
        new, cursor = look(maya, Cursor())
    assert new == pks
    assert cursor == Cursor(pks[-1])


class Crowd:
    """Writers that commit late, early or never, and readers that look all the time."""

    def __init__(self, app, people, seconds):
        self.app = app
        self.people = people
        self.lasts = time.monotonic() + seconds
        self.over = threading.Event()
        self.given = {recipient: [] for recipient in people}

    def write(self, number):
        chance = random.Random(SEED + number)
        with self.app.app_context():
            while time.monotonic() < self.lasts:
                with open_transaction() as (connection, transaction):
                    for _ in range(chance.randrange(1, 3)):
                        write_messages(connection, chance.choices(self.people, k=chance.randrange(1, 4)))
                    if db.engine.dialect.name == "postgresql":
                        time.sleep(chance.random() * 0.02)
                    if chance.random() < 0.8:
                        transaction.commit()

    def read(self, recipient, limit):
        cursor = Cursor()
        with self.app.app_context():
            while True:
                last = self.over.is_set()
                new, cursor = look(recipient, cursor, limit)
                self.given[recipient] += new
                cursor = inbox.decode(inbox.encode(cursor))  # as a client that reconnects every time
                if last and not new:
                    return

    def run(self):
        writers = [threading.Thread(target=self.write, args=(n,)) for n in range(4)]
        pairs = zip(self.people, (3, 10, 1000), strict=True)
        readers = [threading.Thread(target=self.read, args=pair) for pair in pairs]
        for thread in (*writers, *readers):
            thread.start()
        for thread in writers:
            thread.join()
        self.over.set()
        for thread in readers:
            thread.join()


def test_many_writers_and_many_readers_agree(any_app):
    """Each reader gets every message exactly once."""
    print("seed", SEED)
    crowd = Crowd(any_app, [person(str(n)) for n in range(3)], seconds=4)
    crowd.run()
    with reading() as connection:
        for recipient, given in crowd.given.items():
            query = text("SELECT id FROM notifications WHERE recipient_id = :who")
            there = connection.execute(query, {"who": recipient}).scalars().all()
            assert len(there) > 20
            assert len(given) == len(set(given))
            assert set(given) == set(there)
