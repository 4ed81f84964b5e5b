"""The desk's live namespace with python-socketio's own client, over a real socket."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import socketio
from flask import Flask

from dashboard import create_app
from dashboard.admin.desk import watching
from dashboard.admin.desk.watching import Desk
from tasks.database import writing
from tasks.extensions import db
from tasks.ledger import counts
from tasks.live import gate, stream
from tasks.models import Broadcast, Operator
from tasks.models.types import utcnow
from tasks.models.words import EMAIL, FAILED, SENDING, SENT
from tasks.status import broadcast_counts
from tests import factories
from tests.dashboard.admin.browsing import Browser
from tests.peers.live_server import served
from tests.peers.socket_client import hang_up
from tests.tasks.counting import statements

one_database = pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)  # where the database does not matter


@pytest.fixture
def settings() -> dict[str, object]:
    return {"allowed_origins": ["https://app.example.org"]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks at the counters come ten times as often."""
    monkeypatch.setattr(stream, "TICK", 0.1)
    monkeypatch.setattr(watching, "GUARD_EVERY", 0.1)


class Watcher:
    """A page that watches: it keeps every `progress` that it hears."""

    def __init__(self, url: str, cookie: str, **headers: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self.client = socketio.Client(reconnection=False)
        self.client.on("progress", self.heard.append, namespace="/desk")
        self.client.on("disconnect", lambda *_: self.closed.set(), namespace="/desk")
        wanted = {"Cookie": cookie, **headers}
        self.client.connect(url, headers=wanted, namespaces=["/desk"], transports=["websocket"], wait_timeout=15)

    def watch(self, *pks: int) -> Any:
        return self.client.call("watch", {"broadcasts": list(pks)}, namespace="/desk", timeout=10)

    def until(self, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while not (self.heard and ready(self.heard[-1])):
            assert time.monotonic() < deadline, self.heard
            time.sleep(0.02)
        return self.heard[-1]


@pytest.fixture
def row(any_app: Flask) -> Broadcast:
    version = factories.template("offer").current_version
    made = Broadcast(template_version_id=version.id, audience="all", state=SENDING, audience_count=10, expanded_count=10,
                     started_at=utcnow(), frozen_at=utcnow(), expanded_at=utcnow())
    db.session.add(made)
    db.session.commit()
    close(made, SENT, 3)
    return made


def close(row: Broadcast, state: str, number: int) -> None:
    with writing() as connection:
        counts.add(connection, 1, {(row.pk, EMAIL, state): number})


def cookie_of(browser: Browser) -> str:
    found = browser.client.get_cookie("carillon")
    assert found is not None
    return f"carillon={found.value}"


@pytest.fixture
def watchers() -> Iterator[list[Watcher]]:
    found: list[Watcher] = []
    yield found
    for one in found:
        hang_up(one.client)


def refusal(url: str, **headers: str) -> Any:
    """What the server answers to somebody whom it does not let in."""
    address = f"{url}/socket.io/?EIO=4&transport=polling"
    with requests.Session() as session:
        session.headers.update(headers)
        opened = json.loads(session.get(address, timeout=10).text[1:])
        session.post(f"{address}&sid={opened['sid']}", data="40/desk,", timeout=10)
        answer = session.get(f"{address}&sid={opened['sid']}", timeout=10).text
        session.post(f"{address}&sid={opened['sid']}", data="1", timeout=10)
    assert answer.startswith("44/desk,"), answer
    return json.loads(answer.removeprefix("44/desk,"))


def test_a_viewer_gets_what_changes_and_nothing_else(any_app: Flask, row: Broadcast, watchers: list[Watcher]) -> None:
    with served(any_app) as url:
        watchers.append(one := Watcher(url, cookie_of(Browser(any_app, "viewer"))))
        (now,) = one.watch(row.pk)["broadcasts"]
        assert (now["id"], now["state"], now["percent"], now["done"]) == (row.pk, SENDING, 30, 3)
        close(row, SENT, 4)
        told = one.until(lambda far: far["done"] == 7)
        assert told["channels"][EMAIL] == [{"state": SENT, "label": "Sent", "count": 7}]
        heard = len(one.heard)
        time.sleep(0.4)  # more than one look in which nothing has changed
        assert len(one.heard) == heard
        close(row, FAILED, 3)
        told = one.until(lambda far: far["troubled"] == 3)
        assert told["percent"] == 100
        assert {part["state"]: part["count"] for part in told["channels"][EMAIL]} == broadcast_counts(row.pk)[EMAIL]

        assert "error" in one.client.call("watch", {"broadcasts": "all"}, namespace="/desk", timeout=10)
        assert one.watch() == {"broadcasts": []}


@one_database
def test_strangers_and_other_sites_stay_outside(any_app: Flask, row: Broadcast) -> None:
    cookie = cookie_of(Browser(any_app, "viewer"))
    with served(any_app) as url:
        assert refusal(url)["data"]["reason"] == "signed_out"
        assert refusal(url, Cookie="carillon=forged")["data"]["reason"] == "signed_out"
        refused = requests.get(
            f"{url}/socket.io/?EIO=4&transport=polling", headers={"Origin": "https://elsewhere.example.org"}, timeout=10
        )
        assert refused.status_code == 400
        assert refusal(url, Cookie=cookie, Origin="https://app.example.org")["data"]["reason"] == "origin"


@one_database
@pytest.mark.parametrize("change", [{"session_epoch": Operator.session_epoch + 1}, {"is_active": False}])
def test_who_signs_out_or_is_switched_off_is_shown_out(
    any_app: Flask, row: Broadcast, watchers: list[Watcher], change: dict[str, Any]
) -> None:
    cookie = cookie_of(Browser(any_app, "sender"))
    with served(any_app) as url:
        watchers.append(one := Watcher(url, cookie))
        one.watch(row.pk)
        db.session.query(Operator).update(change)
        db.session.commit()

        assert one.closed.wait(8)
        assert refusal(url, Cookie=cookie)["data"]["reason"] == "signed_out"


@one_database
def test_every_web_process_reads_for_its_own_watchers(
    any_app: Flask, sqlite_settings: dict[str, Any], row: Broadcast, watchers: list[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.2)  # a watcher is no stranger, however long it stays
    cookie = cookie_of(Browser(any_app, "viewer"))
    with served(any_app) as first:
        watchers.append(here := Watcher(first, cookie))
        here.watch(row.pk)
        close(row, SENT, 2)
        here.until(lambda far: far["done"] == 5)
        close(row, SENT, 1)
        here.until(lambda far: far["done"] == 6)
        time.sleep(0.5)
        assert not here.closed.is_set()
    other = create_app(**sqlite_settings)
    with served(other) as second:
        watchers.append(there := Watcher(second, cookie))
        (now,) = there.watch(row.pk)["broadcasts"]
        assert now["done"] == 6
        close(row, SENT, 2)
        there.until(lambda far: far["done"] == 8)
    with other.app_context():
        db.session.remove()
        db.engine.dispose()


@one_database
def test_where_nobody_watches_nothing_is_read(any_app: Flask, row: Broadcast) -> None:
    desk = Desk(lambda _sid, _data: None, lambda _sid: None)
    with statements() as seen:
        desk.look()
    assert not seen
