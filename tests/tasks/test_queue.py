"""The queue: JSON only, and awake at once."""

import logging
import pickle
import threading
import time
from datetime import UTC, datetime

import pytest

from tasks import queue
from tasks.queue import JsonSerializer, WakingSqliteStorage, huey, task
from tests.chaos import stores

ran = []


@task
def note(word):
    """A task of this test's own."""
    ran.append(word)


def test_a_task_comes_back_from_the_file_and_runs_in_the_apps_context(app):
    ran.clear()
    note("hello")
    huey.execute(huey.dequeue())
    assert ran == ["hello"]


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return ran.append, ("bang",)


def test_a_pickle_in_the_queue_is_never_run_and_the_queue_lives_on(app):
    ran.clear()
    huey.storage.enqueue(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"decode|Expecting"):
        huey.dequeue()
    note("after")
    huey.execute(huey.dequeue())
    assert ran == ["after"]


def test_only_plain_data_goes_into_a_message():
    with pytest.raises(TypeError):
        JsonSerializer().serialize({"x": object()})


@pytest.mark.parametrize("same_process", [True, False])
def test_a_waiting_worker_wakes_at_once(tmp_path, same_process):
    waiting = WakingSqliteStorage("carillon", filename=str(tmp_path / "q.db"))
    sender = waiting if same_process else WakingSqliteStorage("carillon", filename=str(tmp_path / "q.db"))
    found = []

    def wait():
        while not found:
            message = waiting.dequeue()
            if message:
                found.append((message, time.monotonic()))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    sent = time.monotonic()
    sender.enqueue(b"now")
    thread.join(5)
    assert found[0][0] == b"now"
    assert found[0][1] - sent < 1, "a stock queue would sleep for seconds"


def test_several_messages_go_to_several_workers_once_each(tmp_path):
    storage = WakingSqliteStorage("carillon", filename=str(tmp_path / "q.db"))
    for number in range(50):
        storage.enqueue(str(number).encode())
    found = []

    def work():
        while (message := storage.dequeue()) is not None:
            found.append(message)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=int) == [str(number).encode() for number in range(50)]


@pytest.mark.redis
def test_a_redis_that_is_away_is_one_line_and_so_is_its_return(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(queue, "BLOCK", 0.01)
    try:
        with stores.Redis(tmp_path) as redis, caplog.at_level(logging.WARNING, "tasks.queue"):
            store = queue.QuietRedisStorage("carillon", url=redis.url, read_timeout=1)
            redis.kill()
            for _ in range(3):
                assert (store.dequeue(), store.read_schedule(datetime.now(UTC))) == (None, [])
            assert len(caplog.messages) == 1
            assert "away" in caplog.messages[0]
            redis.start()
            for number in (1, 2):
                store.enqueue(b"%d" % number, priority=1)
                assert store.dequeue() == b"%d" % number
            assert caplog.messages[1:] == ["the queue is back"]
    except stores.Absent as reason:
        pytest.skip(str(reason))
