"""The live inbox between processes: npm's client, gunicorn, Redis, and a sender of its own."""

import subprocess
import sys

import pytest
import requests

from dashboard import keys
from tests import factories
from tests.peers.inbox_rows import messages, person
from tests.peers.live_server import free_port, gunicorn, served
from tests.peers.npm_client import OLD, NodeEar

SECRET = "a-test-secret-of-32-bytes-or-more"
SENDER = """
import sys
from flask import Flask
from tasks import live
from tasks.config import load
from tasks.setup import init_app
from tests.peers.inbox_rows import messages
app = Flask("worker")
init_app(app, load())
live.init_live(app, server=False)
with app.app_context():
    live.announce(messages([int(sys.argv[1])], sys.argv[2]))
"""


@pytest.fixture
def ears():
    found = []
    yield found
    for ear in found:
        ear.close()


@pytest.fixture
def bearer(any_app):
    return {"Authorization": f"Bearer {keys.create_key('shop', ['inbox'], 'test')[1]}"}


def token_for(url, bearer, external_id="42"):
    return requests.post(f"{url}/recipients/{external_id}/token/", headers=bearer, timeout=10).json()["token"]


def listen(ears, url, auth, **options):
    ear = NodeEar(url, auth, **options)
    ears.append(ear)
    return ear


def send_elsewhere(settings, recipient, title):
    """Send from a process of its own, set up as a worker is."""
    environment = {f"CARILLON_{name.upper()}": str(value) for name, value in settings.items()}
    subprocess.run([sys.executable, "-c", SENDER, str(recipient), title], env=environment, check=True, timeout=60)


one_database = pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
mostly_postgres = pytest.mark.parametrize("any_app", factories.MOSTLY_POSTGRES, indirect=True)


@pytest.fixture
def shared(any_app, redis_url):
    """Settings of several processes on one installation."""
    config = any_app.extensions["carillon.settings"]
    return {
        "home": config.home, "database_url": config.database_url, "secret_key": SECRET, "message_queue_url": redis_url,
        "allowed_origins": "https://shop.example.org",
    }


@pytest.mark.redis
@pytest.mark.parametrize(
    "transports", [["websocket"], ["polling", "websocket"], pytest.param(["polling"], marks=pytest.mark.long)]
)
@one_database
def test_npms_client_hears_a_worker_through_redis(any_app, shared, bearer, ears, transports):
    maya = person()
    messages([maya], "Before")
    with gunicorn(shared) as url:
        ear = listen(ears, url, {"token": token_for(url, bearer)}, transports=transports)
        sync = ear.wait("sync")
        assert [item["title"] for item in sync["items"]] == ["Before"]
        assert (sync["unread"], sync["more"]) == (1, False)
        send_elsewhere(shared, maya, "From a worker")
        event = ear.wait("notification")
        assert (event["title"], event["unread"], event["data"]) == ("From a worker", 2, {"n": 1})
        ear.tell(emit="read", data={"ids": [event["id"]]})
        assert {ear.wait("unread")["count"], ear.wait("answer")["unread"]} == {1}
        ear.tell(emit="ack", data={"cursor": event["cursor"]})
        assert ear.wait("answer") == {}


@pytest.mark.redis
@mostly_postgres
def test_on_gevent(any_app, shared, bearer, ears):
    maya = person()
    with gunicorn(shared, "-k", "gevent", "--worker-connections", "1000") as url:
        heard = [listen(ears, url, {"token": token_for(url, bearer)}, transports=[each]) for each in ("websocket", "polling")]
        for ear in heard:
            ear.wait("sync")
        send_elsewhere(shared, maya, "From a worker")
        assert [ear.wait("notification")["title"] for ear in heard] == ["From a worker"] * 2
        heard[0].tell(emit="read", data={"all": True})
        assert [ear.wait("unread") for ear in heard] == [{"count": 0}] * 2


@pytest.mark.redis
@mostly_postgres
def test_two_web_processes_are_one_inbox(any_app, shared, bearer, ears):
    maya = person()
    with gunicorn(shared) as first, gunicorn(shared) as second:
        left = listen(ears, first, {"token": token_for(first, bearer)}, transports=["websocket"])
        right = listen(ears, second, {"token": token_for(second, bearer)}, transports=["websocket"])
        for ear in (left, right):
            ear.wait("sync")
        send_elsewhere(shared, maya, "To both")
        assert left.wait("notification")["title"] == right.wait("notification")["title"] == "To both"
        requests.post(f"{first}/inbox/42/read/", json={"all": True}, headers=bearer, timeout=10).raise_for_status()
        assert left.wait("unread") == right.wait("unread") == {"count": 0}
        left.tell(emit="read", data={"all": True})
        assert right.wait("unread") == {"count": 0}


@one_database
def test_a_client_whose_server_comes_back_gets_the_gap(any_app, bearer, ears):
    maya, port = person(), free_port()
    config = any_app.extensions["carillon.settings"]
    alone = {"home": config.home, "secret_key": SECRET}
    with gunicorn(alone, port=port) as url:
        ear = listen(ears, url, {"token": token_for(url, bearer)}, transports=["websocket"])
        ear.wait("sync")
        messages([maya], "Live")  # from this process, without a word to the other: it is found
        assert ear.wait("notification")["title"] == "Live"
    assert ear.wait("disconnect")["reason"] in {"transport close", "transport error"}
    messages([maya] * 3, "Missed")
    with gunicorn(alone, port=port):
        assert [item["title"] for item in ear.wait("sync")["items"]] == ["Missed"] * 3


@one_database
def test_a_wrong_token_is_a_connect_error_with_its_reason(any_app, bearer, ears):
    person()
    with served(any_app) as url:
        ear = listen(ears, url, {"token": "nonsense"}, transports=["websocket"])
        said = ear.wait("connect_error")
        assert said["data"] == {"reason": "malformed"}
        assert said["message"].startswith("This is not a token. Use a new one: ")
        ear.tell(connect={"token": token_for(url, bearer)})
        ear.wait("sync")


@one_database
def test_an_old_client_is_refused_cleanly(any_app, ears):
    with served(any_app) as url:
        for transports in (["polling"], ["websocket"]):
            ear = listen(ears, url, {}, package=OLD, transports=transports, reconnection=False)
            assert ear.wait("connect_error")["message"] in {"xhr poll error", "websocket error"}
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
