"""Two web nodes that are killed and restarted, writers that commit out of order, lines that break: exact at every step.

At each step the list of every app equals the database, in the order in which ids became visible, nothing twice, and the badge
equals the count; while messages are on their way no badge is ever below what the app holds, nor above what there is.
"""

import os
import random
import signal
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import requests
import socketio
from sqlalchemy import select

from dashboard import keys, tokens
from tasks import inbox, live, public_id
from tasks.database import reading
from tasks.extensions import db
from tasks.models import Notification, Process
from tests import factories
from tests.peers.inbox_rows import person, write_messages
from tests.peers.live_server import free_port, gunicorn
from tests.peers.socket_client import Ear

SEED = random.randrange(1 << 30)
PEOPLE, STEP, WRITERS = 3, 100, 3
SIZES = [pytest.param(3, id="300"), pytest.param(50, id="5000", marks=pytest.mark.long)]


def number(public: str) -> int:
    """The row behind an id that a client shows."""
    found = public_id.decode(public_id.NOTIFICATION, public)
    assert found is not None
    return found


class Nodes:
    """Two web processes on ports that they keep."""

    def __init__(self, given: dict[str, Any], *options: str) -> None:
        self._given, self._options = given, options
        self._running: dict[int, ExitStack] = {}
        self.urls = [self._start(free_port()) for _ in range(2)]

    def _start(self, port: int) -> str:
        self._running[port] = ExitStack()
        return self._running[port].enter_context(gunicorn(self._given, *self._options, port=port))

    def restart(self, which: int) -> None:
        """Stop a node as a new release does, and start it again."""
        port = int(self.urls[which].rpartition(":")[2])
        self._running[port].close()
        self._start(port)

    def close(self) -> None:
        for each in self._running.values():
            each.close()


def kill_a_worker(chance: random.Random) -> None:
    """As if one of the web processes crashed: gunicorn starts another in its place."""
    here = select(Process.pid).where(Process.ended_at.is_(None), Process.kind == "web", Process.pid != os.getpid())
    with reading() as connection:
        alive = [pid for pid in connection.execute(here).scalars() if _is_gunicorn(pid)]
    if alive:
        os.kill(chance.choice(alive), signal.SIGKILL)


def _is_gunicorn(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"gunicorn" in file.read()
    except OSError:
        return False


class App:
    """An app on a device: it appends what it hears, keeps the last cursor, and connects again, wherever, when the line breaks."""

    def __init__(self, urls: list[str], token: str, who: int, chance: random.Random) -> None:
        self.urls, self.token, self.who, self.chance = urls, token, who, chance
        self.heard: list[int] = []
        self.badges: list[int] = []
        self.badge = self.breaks = 0
        self.gone = self.before = 0  # messages that count as unread no more; the badge before somebody marked some
        self.cursor: str | None = None
        self.ear: Ear | None = None
        self.connect()

    def connect(self) -> None:
        try:
            transport = self.chance.choice(["websocket", "websocket", "polling"])
            self.ear = Ear(self.chance.choice(self.urls), self.token, self.cursor, transports=[transport])
        except (socketio.exceptions.ConnectionError, requests.RequestException):
            self.ear = None  # that node is down just now

    def break_off(self) -> None:
        if self.ear is not None:
            self.breaks += 1
            self.ear.close()
            self.take()
        self.connect()

    def take(self) -> None:
        """Go through what came, asking for more pages where there are; where the line broke, connect again."""
        if self.ear is None:
            self.connect()
            return
        is_over = self.ear.closed.is_set()
        with self.ear._news:
            events, self.ear.heard = self.ear.heard, []
        for event, data in events:
            self._hear(event, data, is_over)
        if is_over:
            self.breaks += 1
            self.ear.close()
            self.connect()

    def _hear(self, event: str, data: dict[str, Any], is_over: bool) -> None:
        if event == "changed":
            return
        self.badge = data["count"] if event == "unread" else data["unread"]
        if event == "sync":
            assert "reset" not in data
            came = [number(item["id"]) for item in data["items"]]
            assert self.cursor is None or came == sorted(came)  # the gap comes in order
            self.heard += came if self.cursor is not None else came[::-1]
        elif event == "notification":
            self.heard.append(number(data["id"]))
        self.badges.append(self.badge)
        assert self.badge >= len(self.heard) - self.gone
        if event != "unread":
            self.cursor = data["cursor"]
        if event == "sync" and data["more"] and not is_over:
            assert self.ear is not None
            self.ear.client.emit("sync", {"since": self.cursor})


def write(app: Any, people: list[int], left: list[int], seed: int) -> None:
    """Write messages until none is left, in transactions that overlap; one in ten is rolled back, one in five never announced."""
    chance = random.Random(seed)
    with app.app_context():
        while left:
            some = [left.pop() for _ in range(min(len(left), chance.randrange(1, 6)))]
            if not some:
                return
            with db.engine.connect() as connection:
                transaction = connection.begin()
                pks = write_messages(connection, [people[one] for one in some])
                time.sleep(chance.random() * 0.04 * (db.engine.dialect.name == "postgresql"))
                fails = chance.random() < 0.1
                transaction.rollback() if fails else transaction.commit()
            if fails:
                left.extend(some)
            elif chance.random() < 0.8:
                live.announce(pks)


def rows_of(recipient: int) -> tuple[list[int], int]:
    """A person's messages there are, and how many of them are unread."""
    with reading() as connection:
        query = select(Notification.pk).where(Notification.recipient_id == recipient)
        return list(connection.execute(query).scalars()), inbox.unread(connection, recipient)


@pytest.fixture
def settings(redis_url: str) -> dict[str, object]:
    return {"message_queue_url": redis_url}


@pytest.mark.redis
@pytest.mark.parametrize("any_app", factories.MOSTLY_POSTGRES, indirect=True)
@pytest.mark.parametrize("steps", SIZES)
@pytest.mark.timeout(900)
def test_list_and_badge_are_exact_at_every_step(any_app: Any, redis_url: str, steps: int) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)
    key, plaintext = keys.create_key("shop", ["inbox"], "test")
    people = [person(str(n)) for n in range(PEOPLE)]
    config = any_app.extensions["carillon.settings"]
    nodes = Nodes({
        "home": config.home, "database_url": config.database_url, "secret_key": config.secret(), "message_queue_url": redis_url,
    }, *(["-k", "gevent"] if db.engine.dialect.name == "postgresql" else []))
    apps = [App(nodes.urls, tokens.issue(key, str(n % PEOPLE))[0], n % PEOPLE, chance) for n in range(PEOPLE * 2)]
    try:
        for step in range(steps):
            left = [chance.randrange(PEOPLE) for _ in range(STEP)]
            writers = [threading.Thread(target=write, args=(any_app, people, left, SEED + step * 10 + n)) for n in range(WRITERS)]
            for thread in writers:
                thread.start()
            if step % 3 == 1:
                nodes.restart(chance.randrange(2))
            elif step % 3 == 2:
                kill_a_worker(chance)
            while any(thread.is_alive() for thread in writers):
                time.sleep(chance.random() * 0.05)
                app = chance.choice(apps)
                app.break_off() if chance.random() < 0.3 else app.take()
            settle(apps, people)
            mark_some(apps, nodes, people, plaintext, chance)
            settle(apps, people)
        assert sum(app.breaks for app in apps) > steps
        assert sum(len(rows_of(one)[0]) for one in people) == steps * STEP
    finally:
        for app in apps:
            if app.ear is not None:
                app.ear.close()
        nodes.close()


def settle(apps: list[App], people: list[int]) -> None:
    """Every app has exactly what is in the database, and the count, within seconds; no badge on the way was above it."""
    there = [rows_of(one) for one in people]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(
        app.badge != there[app.who][1] or len(app.heard) < len(there[app.who][0]) for app in apps
    ):
        time.sleep(0.02)
        for app in apps:
            app.take()
    for app in apps:
        pks, unread = there[app.who]
        assert sorted(app.heard) == sorted(pks)  # nothing lost, nothing twice
        assert app.badge == unread
        assert max(app.badges, default=0) <= max(unread, app.before)
        app.gone, app.before, app.badges = len(pks) - unread, 0, []


def mark_some(apps: list[App], nodes: Nodes, people: list[int], key: str, chance: random.Random) -> None:
    """One person does something to some messages, over HTTP or a socket: every device shows the new count."""
    app = chance.choice(apps)
    ids = [str(public_id.encode(public_id.NOTIFICATION, pk)) for pk in chance.sample(app.heard, min(len(app.heard), 9))]
    action = chance.choice(["read", "unread", "read", "archive"])
    for one in apps:
        one.before = one.badge
    if app.ear is not None and not app.ear.closed.is_set() and chance.random() < 0.5:
        assert app.ear.ask(action, {"ids": ids})["unknown"] == 0
    else:
        requests.post(
            f"{chance.choice(nodes.urls)}/inbox/{app.who}/{action}/", json={"ids": ids}, timeout=20,
            headers={"Authorization": f"Bearer {key}"},
        ).raise_for_status()
    for one in apps:
        pks, unread = rows_of(people[one.who])
        one.gone = len(pks) - min(unread, one.before)  # what was on its way may still carry the count from before
