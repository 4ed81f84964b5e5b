"""Wake-ups through a real Redis, and without one."""

import json
import threading
import time

import pytest
import redis as redis_client

from tasks.inbox import Change
from tasks.live.wake import Emitter, SharedManager, channel

pytestmark = pytest.mark.redis


@pytest.fixture
def heard(app, redis_url):
    """What a web process is woken for, as lists of people, and its manager."""
    looks, changes = [], []

    def wake(look, changed):
        looks.extend(look)
        changes.extend(changed)

    waiting = redis_client.Redis.from_url(redis_url)
    before = waiting.pubsub_numsub(channel())[0][1]  # of tests before this one, whose threads go on listening
    manager = SharedManager(app, redis_url, wake)
    manager.set_server(FakeServer())
    manager.initialize()
    until(lambda: waiting.pubsub_numsub(channel())[0][1] > before)
    return looks, changes, manager


class FakeServer:
    """As much of a server as listening needs."""

    async_mode = "threading"

    class packet_class:
        json = json

    class logger:
        info = error = debug = exception = staticmethod(lambda *_args, **_kwargs: None)

    @staticmethod
    def start_background_task(work):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread


def until(ready):
    deadline = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_people_travel_in_one_message(heard, app, redis_url):
    looks, changes, _ = heard
    emitter = Emitter(redis_url)
    emitter.wake([1, 2], [])
    news = [Change(3, 1, "archive", (10, 11)), Change(3, 2, "read", None)]
    emitter.wake([], news)
    until(lambda: looks == [1, 2] and changes == news)


def test_very_many_people_travel_in_several(heard, redis_url):
    looks, _, _ = heard
    Emitter(redis_url).wake(list(range(12_000)), [])
    until(lambda: len(looks) == 12_000)


def test_a_process_does_not_hear_itself(heard, redis_url):
    looks, _, manager = heard
    own = Emitter(redis_url)
    own.host_id = manager.host_id
    own.wake([1], [])
    Emitter(redis_url).wake([2], [])
    until(lambda: looks)
    assert looks == [2]


def test_what_is_no_wake_up_goes_its_way_and_breaks_nothing(heard, redis_url):
    looks, _, _ = heard
    emitter = Emitter(redis_url)
    emitter.channel = channel()
    emitter.emit("notification", {"id": 1}, room="user:42")
    redis_client.Redis.from_url(redis_url).publish(channel(), b"\x80\x04 not json")
    redis_client.Redis.from_url(redis_url).publish(channel(), json.dumps({"method": "emit", "event": "carillon:wake", "data": 7}))
    emitter.wake([5], [])
    until(lambda: looks == [5])


def test_two_installations_on_one_redis_do_not_hear_each_other(heard, redis_url, app):
    looks, _, _ = heard
    own_key, other = app.extensions["carillon.public_id_key"], Emitter(redis_url)
    app.extensions["carillon.public_id_key"] = lambda: b"another installation's key......"
    other.wake([9], [])
    app.extensions["carillon.public_id_key"] = own_key
    Emitter(redis_url).wake([1], [])
    until(lambda: looks)
    assert looks == [1]


def test_without_redis_it_gives_up_for_a_while(app):
    emitter = Emitter("redis://127.0.0.1:1/0")
    started = time.monotonic()
    for _ in range(200):
        emitter.wake([1], [Change(2, 1, "read", ())])
    assert time.monotonic() - started < 5
    assert emitter._silent_until > time.monotonic()
