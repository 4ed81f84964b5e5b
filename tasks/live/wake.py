"""How a wake-up travels: one small message of row numbers, through the queue that the Socket.IO servers share."""

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from flask import Flask, current_app
from socketio import Manager, RedisManager

from tasks.inbox import Change

WAKE = "carillon:wake"  # an event on the message queue that no client ever gets
QUIET = 5.0  # seconds without a try after Redis did not answer: a send must not wait for it again and again
TIMEOUT = 2.0  # seconds
IDS = 5_000  # people in one message

Wake = Callable[[Collection[int], Sequence[Change]], None]


class _Accepting:
    """Says when a connection has been accepted, that is, after the client was told so: the earliest moment for an event."""

    accepted: Callable[[str], None]

    def connect(self, sid: str, namespace: str) -> str:
        found: str = super().connect(sid, namespace)  # type: ignore[misc]
        self.accepted(found)
        return found


class SingleManager(_Accepting, Manager):  # type: ignore[misc]
    """The connections of the only web process."""


class SharedManager(_Accepting, RedisManager):  # type: ignore[misc]
    """The connections of one of several web processes; it takes the wake-ups out of what comes through Redis."""

    def __init__(self, app: Flask, url: str, wake: Wake) -> None:
        super().__init__(url, redis_options={"socket_connect_timeout": TIMEOUT, "socket_keepalive": True})
        self._app = app
        self._wake = wake

    def initialize(self) -> None:
        """Start to listen, at the first connection."""
        with self._app.app_context():
            self.channel = channel()
        super().initialize()

    def _handle_emit(self, message: dict[str, Any]) -> None:
        if message.get("event") == WAKE:
            look, changes = message["data"]
            self._wake(look, [_change(*written) for written in changes])
        else:
            super()._handle_emit(message)


class Emitter(RedisManager):  # type: ignore[misc]
    """Sends wake-ups to the web processes. It never raises, and never waits long: without Redis they come two seconds late."""

    def __init__(self, url: str) -> None:
        options = {"socket_connect_timeout": TIMEOUT, "socket_timeout": TIMEOUT}
        super().__init__(url, write_only=True, redis_options=options)
        self.channel = ""
        self._silent_until = 0.0

    def wake(self, look: Collection[int], changes: Sequence[Change]) -> None:
        """Tell every other web process: whom to look after, and what was done to messages. Needs an app context."""
        self.channel = self.channel or channel()
        people = list(look)
        for start in range(0, len(people), IDS):
            self.emit(WAKE, (people[start : start + IDS], []))
        for change in changes:
            self.emit(WAKE, ([], [(change.recipient_id, change.number, change.action, change.pks)]))

    def _handle_emit(self, message: dict[str, Any]) -> None:
        """Nobody is connected here."""

    def _publish(self, data: dict[str, Any]) -> Any:
        if time.monotonic() < self._silent_until:
            return None
        reached = super()._publish(data)
        if reached is None:
            self._silent_until = time.monotonic() + QUIET
        return reached


def _change(recipient_id: int, number: int, action: str, pks: Sequence[int] | None) -> Change:
    return Change(recipient_id, number, action, None if pks is None else tuple(pks))


def channel() -> str:
    """The installation's own channel: pub/sub ignores database numbers, and nothing may cross to another installation."""
    key: bytes = current_app.extensions["carillon.public_id_key"]()
    return "carillon-" + hashlib.blake2b(b"live", key=key, digest_size=12).hexdigest()
