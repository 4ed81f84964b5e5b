"""The Huey instance. It only says "look now": the truth of the work is in the deliveries (tasks.ledger)."""

import json
import logging
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from flask import Flask
from huey import Huey, storage
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BaseStorage, BlackHoleStorage, PriorityRedisStorage, SqliteStorage

POLL = 0.05  # seconds between two looks into another process's SQLite queue
BLOCK = 1.0  # seconds a worker waits for a wake-up before it asks whether to stop

log = logging.getLogger(__name__)


class JsonSerializer(Serializer):  # type: ignore[misc]  # Huey has no types
    """Messages as JSON. Huey's default is pickle: whoever can write to the broker would run code in the worker."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data._asdict() if isinstance(data, Message) else data).encode()

    def _deserialize(self, data: bytes) -> Any:
        found = json.loads(data)
        return Message(**found) if isinstance(found, dict) and "id" in found and "args" in found else found


class WakingSqliteStorage(SqliteStorage):  # type: ignore[misc]  # Huey has no types
    """Huey's SQLite queue whose workers wake at once for a message of their own process.

    Stock SqliteHuey sleeps up to ten seconds between looks. Here `dequeue` waits on an in-process bell, and looks at the file
    every 50 ms for what other processes left there (`PRAGMA data_version` is a counter in memory: no lock, no disk).
    """

    blocking = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._bell = threading.Condition()
        self._rung = 0
        self._seen = threading.local()
        super().__init__(*args, **kwargs)

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        with self._bell:
            self._rung += 1
            self._bell.notify()

    def dequeue(self) -> bytes | None:
        deadline = time.monotonic() + BLOCK
        while True:
            rung = self._rung
            if self._changed(rung):
                found: bytes | None = super().dequeue()
                if found is not None:
                    self._seen.mark = None  # there may be more: look again next time
                    return found
            with self._bell:
                if self._rung == rung:
                    self._bell.wait(POLL)
            if time.monotonic() > deadline:
                return None

    def _changed(self, rung: int) -> bool:
        ((version,),) = self.sql("PRAGMA data_version", results=True)
        mark = (version, rung)
        changed = mark != getattr(self._seen, "mark", None)
        self._seen.mark = mark
        return changed


class QuietRedisStorage(PriorityRedisStorage):  # type: ignore[misc]  # Huey has no types
    """Says once that Redis is away and once that it is back. Huey alone writes a traceback a second from each of its threads.

    Meanwhile the ticks find what is due (tasks.worker). Not RedisStorage: that one refuses any message with a priority.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._guard = threading.Lock()
        self._is_away = False
        super().__init__(*args, **kwargs)

    def dequeue(self) -> bytes | None:
        try:
            found: bytes | None = super().dequeue()
            if self._is_away and found is None:
                self.conn.ping()  # nothing in it, or only too slow to say so
        except (storage.ConnectionError, storage.TimeoutError) as error:
            self._note(str(error))
            time.sleep(BLOCK)  # a blocking storage waits by itself
            return None
        self._note()
        return found

    def read_schedule(self, *args: Any) -> list[bytes]:
        try:
            found: list[bytes] = super().read_schedule(*args)
        except (storage.ConnectionError, storage.TimeoutError) as error:
            self._note(str(error))
            return []
        return found

    def _note(self, why: str = "") -> None:
        with self._guard:
            if self._is_away == bool(why):
                return
            self._is_away = bool(why)
        if why:
            log.warning("the queue is away, what is due is looked for in the database meanwhile: %s", why)
        else:
            log.warning("the queue is back")


huey = Huey("carillon", results=False, utc=True, serializer=JsonSerializer(), storage_class=BlackHoleStorage)
_apps: list[Flask] = []


def connect(app: Flask, url: str) -> None:
    """Point the queue at `url` (redis://, rediss:// or sqlite:///file) and run its tasks inside `app`'s context."""
    huey.storage = _storage(url)
    _apps[:] = [app]


def task(function: Callable[..., None]) -> Callable[..., Any]:
    """A Huey task that runs inside the app's context. Arguments are ids and words only."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        with _apps[0].app_context():
            function(*args, **kwargs)

    wrapped: Callable[..., Any] = huey.task()(run)
    return wrapped


def _storage(url: str) -> BaseStorage:
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return WakingSqliteStorage("carillon", filename=str(path), timeout=10)
    return QuietRedisStorage("carillon", url=url, read_timeout=1)
