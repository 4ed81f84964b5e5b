"""The live inbox with python-socketio's own client, over a real socket."""

import json
import socket
import threading
import time
import uuid

import pytest
import requests
import socketio
from sqlalchemy import select, update

from dashboard import keys, rotation, sockets, tokens
from tasks import inbox, live, presence, public_id
from tasks.database import reading, writing
from tasks.ledger import counts
from tasks.live import gate
from tasks.models import Connection, Delivery, Recipient
from tasks.models.words import DELIVERED, SENT
from tests.peers.inbox_rows import broadcast, messages, person
from tests.peers.live_server import served
from tests.peers.socket_client import Ear, hang_up, refusal

one_database = pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)  # where the database does not matter


@pytest.fixture
def url(any_app):
    with served(any_app) as found:
        yield found


@pytest.fixture
def token(any_app):
    key, _ = keys.create_key("shop", ["inbox"], "test")

    def make(external_id="42", lifetime=3600):
        return tokens.issue(key, external_id, lifetime)[0]

    return make


@pytest.fixture
def ears():
    found = []
    yield found
    for ear in found:
        ear.close()


@pytest.fixture
def connect(url, token, ears):
    def make(external_id="42", **options):
        ear = Ear(url, token(external_id), **options)
        ears.append(ear)
        return ear

    return make


def until(ready, seconds=10):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send(recipients, title="Hello", **values):
    pks = messages(recipients, title, **values)
    live.announce(pks)
    return pks


def titles(events):
    return [event["title"] for event in events]


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
def test_sync_then_live(connect, transports):
    maya = person()
    messages([maya, maya], "Before")
    ear = connect(transports=transports)
    (sync,) = ear.wait("sync")
    assert titles(sync["items"]) == ["Before", "Before"]
    assert (sync["unread"], sync["more"]) == (2, False)
    send([maya], "Now")
    (event,) = ear.wait("notification")
    assert set(event) == {"id", "cursor", "title", "message", "notification_type", "data", "created_at", "unread"}
    assert (event["title"], event["data"], event["unread"]) == ("Now", {"n": 1}, 3)
    assert ear.heard[0][0] == "sync"


def test_the_gap_comes_on_reconnecting_and_nothing_twice(connect):
    maya = person()
    ear = connect()
    ear.wait("sync")
    send([maya], "one")
    cursor = ear.wait("notification")[0]["cursor"]
    ear.close()
    send([maya], "two")
    send([maya], "three")
    again = connect(since=cursor)
    assert titles(again.wait("sync")[0]["items"]) == ["two", "three"]
    send([maya], "four")
    assert titles(again.wait("notification")) == ["four"]


def test_a_wide_gap_is_asked_for_page_by_page(connect):
    maya = person()
    ear = connect()
    cursor = ear.wait("sync")[0]["cursor"]
    ear.close()
    messages([maya] * 250)
    ear = connect(since=cursor)
    for number in (1, 2):
        page = ear.wait("sync", number)[-1]
        assert (len(page["items"]), page["more"]) == (100, True)
        assert ear.ask("sync", {"since": page["cursor"]}) == {}
    last = ear.wait("sync", 3)[-1]
    assert (len(last["items"]), last["more"], last["unread"]) == (50, False, 250)
    assert len({item["id"] for page in ear.all("sync") for item in page["items"]}) == 250


@one_database
def test_nobody_gets_another_persons_messages(connect):
    maya, ben = person("maya"), person("ben")
    mayas, bens = connect("maya"), connect("ben")
    for ear in (mayas, bens):
        ear.wait("sync")
    for attempt in (("join", "user:maya"), ("join_room", {"room": "user:maya"}), ("subscribe", {"user": "maya"})):
        bens.client.emit(*attempt)
    send([maya], "for Maya")
    send([ben], "for Ben")
    assert titles(mayas.wait("notification")) == ["for Maya"]
    assert titles(bens.wait("notification")) == ["for Ben"]


def test_every_device_of_a_person_hears_everything(connect):
    maya = person()
    first, second = connect(), connect()
    for ear in (first, second):
        ear.wait("sync")
    (pk,) = send([maya])
    for ear in (first, second):
        assert ear.wait("notification")[0]["unread"] == 1
    answer = first.ask("read", {"ids": [first.all("notification")[0]["id"]]})
    assert answer == {"unread": 0, "unknown": 0}
    for ear in (first, second):
        assert ear.wait("unread") == [{"count": 0}]
    send([maya, maya])
    assert second.ask("read", {"all": True}) == {"unread": 0, "unknown": 0}
    assert first.wait("unread", 2)[-1] == {"count": 0}
    assert pk


@one_database
@pytest.mark.parametrize(("data", "field"), [
    ({}, "/ids"), ({"ids": "x"}, "/ids"), ({"ids": ["x"]}, "/ids/0"), ({"all": True, "ids": []}, "/ids"),
    ({"all": "yes"}, "/ids"), ([1], "/ids"), ("x", "/ids"), (None, "/ids"), ({"ids": [str(uuid.uuid4())] * 1001}, "/ids"),
])
def test_a_wrong_read_is_answered_with_what_is_wrong(connect, data, field):
    person()
    assert connect().ask("read", data)["error"]["field"] == field


def test_what_one_device_does_the_others_show(connect):
    maya = person()
    pks = messages([maya] * 3)
    first, second = connect(), connect()
    sync = first.wait("sync")[0]
    second.wait("sync")
    newest = sync["items"][0]["id"]
    expected = []
    for action, left in (("read", 2), ("unread", 3), ("archive", 2), ("unarchive", 3), ("delete", 2)):
        assert first.ask(action, {"ids": [newest]}) == {"unread": left, "unknown": 0}
        expected.append((action, [newest]))
    for ear in (first, second):
        assert [(each["action"], each["ids"]) for each in ear.wait("changed", 5)] == expected
        assert ear.all("changed")[-1]["unread"] == 2  # the true count when it left
        until(lambda heard=ear: heard.all("unread")[-1] == {"count": 2})
    assert first.ask("read", {"ids": [newest]}) == {"unread": 2, "unknown": 1}
    assert first.ask("archive", {"all": True}) == {"unread": 0, "unknown": 0}
    assert len(pks) - 1 == len(second.wait("changed", 6)[5]["ids"])


@one_database
def test_pages_over_the_socket(connect):
    messages([person()] * 3)
    ear = connect()
    items = ear.wait("sync")[0]["items"]
    page = ear.ask("page", {"limit": 2})
    assert (page["items"], page["unread"], page["next"]) == (items[:2], 3, items[1]["id"])
    assert ear.ask("page", {"limit": 2, "before": page["next"]}) == {"items": items[2:], "unread": 3, "next": None}
    ear.ask("archive", {"ids": [items[1]["id"]]})
    assert ear.ask("page", {"archived": True})["items"] == items[1:2]
    for limit in (0, "x", 201):
        assert ear.ask("page", {"limit": limit})["error"]["field"] == "/limit"
    assert ear.ask("page", {"before": 5})["error"]["field"] == "before"


@one_database
def test_a_change_of_which_no_news_came_is_a_refresh(connect):
    maya = person()
    messages([maya] * 2)
    ear = connect()
    ear.wait("sync")
    inbox.mark(maya, "archive", None)  # by a process that cannot reach this one
    assert ear.wait("changed") == [{"action": "refresh", "ids": None, "unread": 0}]


@one_database
@pytest.mark.parametrize(("event", "field"), [("ack", "/cursor"), ("sync", "/since")])
def test_a_wrong_cursor_is_answered_with_what_is_wrong(connect, event, field):
    person()
    ear = connect()
    ear.wait("sync")
    for data in ({}, {field[1:]: "x"}, {field[1:]: 7}, None):
        assert ear.ask(event, data)["error"]["field"] == field


def test_an_ack_makes_deliveries_delivered_and_the_counters_follow(connect):
    maya, ben = person("maya"), person("ben")
    shared = broadcast(title="Offer", message="Now")
    ear = connect("maya")
    ear.wait("sync")
    pks = send([maya, ben], "x", broadcast_id=shared) + send([maya])
    cursor = ear.wait("notification", 2)[0]["cursor"]

    def states():
        with reading() as connection:
            query = select(Delivery.state).where(Delivery.notification_id.in_(pks)).order_by(Delivery.notification_id)
            return list(connection.execute(query).scalars())

    assert ear.ask("ack", {"cursor": cursor}) == {}
    until(lambda: states() == [DELIVERED, SENT, SENT])
    ear.ask("ack", {"cursor": ear.all("notification")[1]["cursor"]})
    until(lambda: states() == [DELIVERED, SENT, DELIVERED])
    with reading() as connection:
        assert counts.closed(connection, shared)["in_app"] == {DELIVERED: 1, SENT: -1}  # the fan-out counted two as sent


def test_presence_follows_the_connections(connect):
    maya = person()
    assert presence.online([maya]) == set()
    first, second = connect(), connect()
    first.wait("sync")
    second.wait("sync")
    assert presence.online([maya]) == {maya}
    first.close()
    second.close()
    until(lambda: presence.online([maya]) == set())


@one_database
@pytest.mark.parametrize(("auth", "why"), [
    (None, "missing"), ({}, "missing"), ({"token": "x"}, "malformed"), ({"token": 7}, "missing"), ("x", "missing"),
    ([], "missing"), ({"token": {"a": 1}}, "missing"),
])
def test_a_bad_token_is_refused_with_its_reason(url, auth, why):
    said = refusal(url, auth)
    assert said["data"] == {"reason": why}
    assert said["message"]


@one_database
def test_the_client_hears_the_reason(url, token):
    client, said = socketio.Client(reconnection=False), []
    client.on("connect_error", said.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(url, auth={"token": token("nobody")}, transports=["websocket"], wait_timeout=10)
    hang_up(client)
    assert said[0]["data"] == {"reason": "unknown_person"}


@one_database
def test_a_stranger_who_says_nothing_is_shown_out(url, monkeypatch):
    monkeypatch.setattr(gate, "PATIENCE", 0.5)
    address = f"{url}/socket.io/?EIO=4&transport=polling"
    opened = json.loads(requests.get(address, timeout=5).text[1:])
    answer = requests.get(f"{address}&sid={opened['sid']}", timeout=10)  # waits for the next event
    assert answer.text in {"1", ""}
    assert requests.get(f"{address}&sid={opened['sid']}", timeout=5).status_code == 400


@one_database
@pytest.mark.parametrize("settings", [{"max_sockets": 1}])
def test_transports_beyond_the_cap_are_refused_before_they_take_a_thread(url, settings):
    address = f"{url}/socket.io/?EIO=4&transport=polling"
    statuses = [requests.get(address, timeout=5).status_code for _ in range(20)]
    assert statuses == [200] * (1 + gate.SPARE) + [401] * (20 - 1 - gate.SPARE)
    assert requests.get(f"{url}/healthz", timeout=5).status_code == 200


def test_an_unknown_or_inactive_person_is_refused(url, token):
    assert refusal(url, {"token": token("nobody")})["data"] == {"reason": "unknown_person"}
    off = person("off")
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.id == off).values(is_active=False))
    assert refusal(url, {"token": token("off")})["data"] == {"reason": "unknown_person"}


def test_a_refused_connection_leaves_nothing_behind(url, any_app):
    refusal(url, {"token": "x"})
    with reading() as connection:
        assert connection.execute(select(Connection.sid)).all() == []
    assert len(any_app.extensions["carillon.live"].stream.crowd) == 0


@one_database
@pytest.mark.parametrize("settings", [{"max_sockets": 1}])
def test_a_full_server_says_so_and_goes_on(connect, url, token, settings):
    person()
    ear = connect()
    ear.wait("sync")
    assert refusal(url, {"token": token()})["data"] == {"reason": "full"}
    assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
    ear.close()
    until(lambda: presence.online([1]) == set())
    connect().wait("sync")


@one_database
def test_one_person_does_not_take_all_the_room(connect, url, token, monkeypatch):
    monkeypatch.setattr(sockets, "MOST_PER_PERSON", 2)
    person()
    connect().wait("sync")
    connect().wait("sync")
    assert refusal(url, {"token": token()})["data"] == {"reason": "too_many"}


@one_database
def test_a_connection_ends_with_its_token(url, token, ears):
    person()
    ear = Ear(url, token("42", 5))
    ears.append(ear)
    ear.wait("sync")
    assert ear.closed.wait(20)
    until(lambda: presence.online([1]) == set())


@one_database
@pytest.mark.parametrize(("origin", "status"), [
    (None, 200), ("own", 200), ("https://shop.example.org", 200), ("https://evil.example", 400), ("null", 400),
    ("https://shop.example.org.evil.example", 400), ("http://a@127.0.0.1", 400),
])
@pytest.mark.parametrize("settings", [{"allowed_origins": "https://shop.example.org"}])
def test_only_listed_origins_may_open_a_socket(url, origin, status, settings):
    headers = {} if origin is None else {"Origin": url if origin == "own" else origin}
    answer = requests.get(f"{url}/socket.io/?EIO=4&transport=polling", headers=headers, timeout=5)
    assert answer.status_code == status


@one_database
def test_an_old_client_is_told_that_it_is_too_old(url):
    answer = requests.get(f"{url}/socket.io/?EIO=3&transport=polling", timeout=5)
    assert answer.status_code == 400
    assert "unsupported version" in answer.text


@one_database
def test_all_places_at_the_door_are_free_again_whatever_became_of_those_who_came(any_app, url, token, connect, monkeypatch):
    person()
    door = any_app.extensions["carillon.live"].stream.door
    monkeypatch.setattr(door, "_places", threading.Semaphore(1))
    for _ in range(3):
        assert refusal(url, {"token": "nonsense"})
        assert refusal(url, {"token": token("nobody")})
        connect().wait("sync")
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as silent:
        silent.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert silent.recv(4096)
        connect().wait("sync")  # a stranger who says nothing holds the place for two seconds, no longer
    assert door._inside == {}


def test_who_has_hung_up_is_known():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here, gone = (socket.create_connection(listening.getsockname()) for _ in range(2))
        wires = [listening.accept()[0] for _ in range(2)]
        gone.close()
        time.sleep(0.05)
        assert [gate._is_there({"gunicorn.socket": wire}) for wire in wires] == [True, False]
        for wire in (*wires, here):
            wire.close()
    assert gate._is_there({})  # no gunicorn


@one_database
def test_compression_is_offered_and_not_agreed_to(url):
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as wire:
        wire.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        )
        answer = wire.recv(4096).lower()
    assert answer.startswith(b"http/1.1 101 ")
    assert b"sec-websocket-extensions" not in answer


@one_database
def test_there_is_no_other_namespace(url, token):
    assert refusal(url, {"token": token()}, "/admin") == "Unable to connect"


@one_database
def test_an_oversize_message_ends_the_connection(connect):
    person()
    ear = connect()
    ear.wait("sync")
    ear.client.emit("read", {"ids": ["x" * 200_000]})
    assert ear.closed.wait(10)


def test_what_happens_while_the_first_sync_is_read_comes_after_it(connect, monkeypatch):
    maya = person()
    (first,) = messages([maya])
    read = live.stream._first_syncs

    def slowly(listeners):
        syncs = read(listeners)
        for listener in listeners:
            listener.place, place = None, listener.place  # as it is until all of them have been read
            live.announce(messages([maya], "meanwhile"))
            live.changed(inbox.mark(maya, "read", [public_id.text(public_id.NOTIFICATION, first)]).change)
            time.sleep(0.3)
            listener.place = place
        return syncs

    monkeypatch.setattr(live.stream, "_first_syncs", slowly)
    monkeypatch.setattr(live.stream, "SWEEP", 60.0)
    ear = connect()
    assert ear.wait("sync")[0]["unread"] == 1
    assert ear.wait("notification")[0]["title"] == "meanwhile"
    assert ear.wait("changed")[0] == {"action": "refresh", "ids": None, "unread": 1}


def test_a_wake_up_that_was_lost_costs_two_seconds(connect):
    maya = person()
    ear = connect()
    ear.wait("sync")
    messages([maya], "never announced")
    assert titles(ear.wait("notification")) == ["never announced"]


@one_database
@pytest.mark.parametrize("settings", [{"message_queue_url": "redis://127.0.0.1:1/0"}])
def test_a_message_queue_that_is_away_loses_nothing(connect, settings):
    maya = person()
    ear = connect()
    ear.wait("sync")
    send([maya], "announced here")
    assert titles(ear.wait("notification")) == ["announced here"]
    messages([maya], "sent elsewhere")
    assert titles(ear.wait("notification", 2)) == ["announced here", "sent elsewhere"]


def test_a_database_that_is_away_for_a_while_loses_nothing(connect, monkeypatch):
    maya = person()
    ear = connect()
    ear.wait("sync")
    real = live.stream.inbox.arrived
    failures = iter([True, True])

    def sometimes(*args, **kwargs):
        if next(failures, False):
            raise RuntimeError("away")
        return real(*args, **kwargs)

    monkeypatch.setattr(live.stream.inbox, "arrived", sometimes)
    send([maya], "later")
    assert titles(ear.wait("notification")) == ["later"]


@one_database
def test_revoking_a_key_ends_its_live_connections_and_no_others(any_app, url, connect, ears):
    person("42")
    other, _ = keys.create_key("other", ["inbox"], "test")
    theirs = Ear(url, tokens.issue(other, "42")[0])
    ears.append(theirs)
    mine = connect()

    rotation.revoke(other, "test")

    assert theirs.closed.wait(10)
    assert not mine.closed.is_set()
