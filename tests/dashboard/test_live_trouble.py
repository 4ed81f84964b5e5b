"""Nothing lost, nothing double: writers that commit out of order and forget to announce, clients whose line keeps breaking."""

import random
import threading
import time

import pytest
from sqlalchemy import text

from dashboard import keys, tokens
from tasks import inbox, live, public_id
from tasks.database import reading
from tasks.extensions import db
from tests import factories
from tests.peers.inbox_rows import person, write_messages
from tests.peers.live_server import served
from tests.peers.socket_client import Ear

SEED = random.randrange(1 << 30)
SECONDS = 8


class App:
    """A naive app: it appends what it hears, keeps the last cursor, and connects again with it when the line breaks."""

    def __init__(self, url, token, chance):
        self.url, self.token, self.chance = url, token, chance
        self.heard, self.badge, self.breaks, self.double = [], None, 0, 0
        self.cursor = None
        self.ear = Ear(url, token)

    def break_off(self):
        self.breaks += 1
        self.ear.close()
        self.take()
        self.ear = Ear(self.url, self.token, self.cursor, transports=[self.chance.choice(["websocket", "polling"])])

    def take(self):
        """Go through what the current connection brought, asking for more pages where there are."""
        with self.ear._news:
            events, self.ear.heard = self.ear.heard, []
        for event, data in events:
            if event == "sync":
                assert "reset" not in data
                assert self.cursor is not None or data["items"] == []
                self.heard += [item["id"] for item in data["items"]]
                self.cursor, self.badge = data["cursor"], data["unread"]
                if data["more"]:
                    self.ear.client.emit("sync", {"since": self.cursor})
            elif event == "notification":
                self.heard.append(data["id"])
                self.cursor, self.badge = data["cursor"], data["unread"]
            else:
                self.badge = data["count"]


def write(app, people, number, over):
    chance = random.Random(SEED + number)
    with app.app_context():
        while not over.is_set():
            connection = db.engine.connect()
            transaction = connection.begin()
            pks = write_messages(connection, chance.choices(people, k=chance.randrange(1, 6)))
            if db.engine.dialect.name == "postgresql":
                time.sleep(chance.random() * 0.05)
            if chance.random() < 0.1:
                transaction.rollback()
            else:
                transaction.commit()
                if chance.random() < 0.8:  # the others are found by the sweep
                    live.announce(pks)
            connection.close()
            time.sleep(chance.random() * 0.03)


@pytest.mark.parametrize("any_app", factories.MOSTLY_POSTGRES, indirect=True)
@pytest.mark.timeout(120)
def test_every_app_ends_with_exactly_what_is_in_the_database(any_app):
    print("seed", SEED)
    chance = random.Random(SEED)
    key, _ = keys.create_key("shop", ["inbox"], "test")
    people = [person(str(n)) for n in range(4)]
    over = threading.Event()
    with served(any_app) as url:
        apps = [App(url, tokens.issue(key, str(n))[0], chance) for n in range(4)]
        for app in apps:
            app.ear.wait("sync")
            app.take()
        writers = [threading.Thread(target=write, args=(any_app, people, n, over)) for n in range(3)]
        for thread in writers:
            thread.start()
        lasts = time.monotonic() + SECONDS
        while time.monotonic() < lasts:
            time.sleep(chance.random() * 0.2)
            app = chance.choice(apps)
            app.break_off() if chance.random() < 0.6 else app.take()
        over.set()
        for thread in writers:
            thread.join()
        for app, recipient in zip(apps, people, strict=True):
            with reading() as connection:
                query = text("SELECT id FROM notifications WHERE recipient_id = :who")
                pks = connection.execute(query, {"who": recipient}).scalars().all()
                unread = inbox.unread(connection, recipient)
            there = {str(public_id.encode(public_id.NOTIFICATION, pk)) for pk in pks}
            deadline = time.monotonic() + 15
            while set(app.heard) != there and time.monotonic() < deadline:
                time.sleep(0.05)
                app.take()
            assert app.breaks > 2
            assert len(there) > 20
            assert set(app.heard) == there
            assert len(app.heard) == len(there)  # nothing twice
            assert app.badge == unread
            app.ear.close()
