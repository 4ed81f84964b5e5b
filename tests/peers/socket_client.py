"""An app that listens: python-socketio's own client, which keeps everything it hears."""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
import socketio


class Ear:
    """Connects on construction (raises socketio.exceptions.ConnectionError when refused) and collects the events."""

    def __init__(self, url: str, token: str, since: str | None = None, transports: list[str] | None = None) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.closed = threading.Event()
        self._news = threading.Condition()
        self.client = socketio.Client(reconnection=False)
        for event in ("sync", "notification", "unread", "changed"):
            self.client.on(event, self._keeper(event))
        self.client.on("disconnect", lambda *_: self.closed.set())
        auth = {"token": token} | ({"since": since} if since is not None else {})
        self.client.connect(url, auth=auth, transports=transports or ["websocket"], wait_timeout=15)

    def _keeper(self, event: str) -> Callable[[Any], None]:
        def keep(data: Any) -> None:
            with self._news:
                self.heard.append((event, data))
                self._news.notify_all()

        return keep

    def all(self, event: str) -> list[Any]:
        """Everything heard of one event, in order."""
        with self._news:
            return [data for name, data in self.heard if name == event]

    def wait(self, event: str, count: int = 1, timeout: float = 10) -> list[Any]:
        """The first `count` (or more) of an event; fails when they do not come."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                found = [data for name, data in self.heard if name == event]
                if len(found) >= count:
                    return found
                assert self._news.wait(max(deadline - time.monotonic(), 0)), f"{len(found)} of {count} {event!r}: {self.heard}"

    def ask(self, event: str, data: Any) -> Any:
        """Send an event and return the server's answer to it."""
        return self.client.call(event, data, timeout=10)

    def close(self) -> None:
        """Hang up, without waiting for the other side's goodbye."""
        hang_up(self.client)


def refusal(url: str, auth: Any, namespace: str = "/") -> Any:
    """What the server answers to a connection that it refuses: the client's `connect_error`. Fails when it lets it in.

    Spoken by hand over long polling: python-socketio's client takes 3 to 25 seconds to leave after a refusal.
    """
    address = f"{url}/socket.io/?EIO=4&transport=polling"
    with requests.Session() as session:
        opened = json.loads(session.get(address, timeout=10).text[1:])
        address += f"&sid={opened['sid']}"
        where = "" if namespace == "/" else f"{namespace},"
        session.post(address, data=f"40{where}{'' if auth is None else json.dumps(auth)}", timeout=10)
        answer = session.get(address, timeout=10).text
        session.post(address, data="1", timeout=10)
    assert answer.startswith(f"44{where}"), answer
    return json.loads(answer.removeprefix(f"44{where}"))


def hang_up(client: socketio.Client) -> None:
    """Close the client's own sockets, which it leaves to the garbage collector."""
    connection, session, reader = client.eio.ws, client.eio.http, client.eio.read_loop_task
    if connection is not None:
        with suppress(OSError, AttributeError):  # it is over already
            connection.sock.shutdown(socket.SHUT_RDWR)
        if reader is not None:
            reader.join(5)
        connection.shutdown()
    else:
        client.disconnect()
    if session is not None:
        session.close()
