"""Setting up live messages in a process: the Socket.IO server of a web process, or what a worker needs to wake one."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app

from tasks.config import Settings
from tasks.extensions import socketio
from tasks.inbox import Change
from tasks.live import gate, outgoing, pings
from tasks.live.origins import origin_check
from tasks.live.stream import Stream
from tasks.live.wake import Emitter, SharedManager, SingleManager
from tasks.live.websocket import LARGEST_MESSAGE

PING_INTERVAL, PING_TIMEOUT = 25, 20  # seconds


@dataclass(frozen=True, slots=True)
class Live:
    """What this process has: `stream` in a web process, `emitter` where there are other processes to tell."""

    stream: Stream | None
    emitter: Emitter | None

    def wake(self, *, look: Collection[int] = (), changes: Sequence[Change] = ()) -> None:
        """Wake every web process for these people: something new to look at, or what was done to messages."""
        if self.stream is not None:
            self.stream.wake(look=look, changes=changes)
        if self.emitter is not None:
            self.emitter.wake(look, changes)


def init_live(app: Flask, *, server: bool) -> Live:
    """Set up this process. With `server` the app takes Socket.IO connections (their handlers: dashboard.sockets); call it after
    `init_app` and before anything that must stand outside the sockets. Without it the process only wakes others (workers).
    """
    config: Settings = app.extensions["carillon.settings"]
    url = config.message_queue_url
    emitter = Emitter(url) if url else None
    live = Live(_serve(app, config, emitter) if server else None, emitter)
    app.extensions["carillon.live"] = live
    return live


def current() -> Live | None:
    """The current app's live messages; None in a process that was not set up for any."""
    found: Live | None = current_app.extensions.get("carillon.live")
    return found


def _serve(app: Flask, config: Settings, emitter: Emitter | None) -> Stream:
    manager: Any = SingleManager() if emitter is None else SharedManager(
        app, config.message_queue_url, lambda look, changes: stream.wake(look=look, changes=changes)
    )
    if emitter is not None:
        emitter.host_id = manager.host_id  # so that this process does not hear its own wake-ups twice
    socketio.init_app(
        app, client_manager=manager, async_mode=_async_mode(), async_handlers=False, manage_session=False,
        cors_allowed_origins=origin_check(config), cors_credentials=False, max_http_buffer_size=LARGEST_MESSAGE,
        ping_interval=PING_INTERVAL, ping_timeout=PING_TIMEOUT,
    )
    pings.gather(socketio.server, PING_INTERVAL)
    most = config.max_sockets or gate.ON_THREADS
    if _async_mode() == "gevent":
        most = config.max_sockets or gate.ON_GEVENT
        outgoing.spare(socketio.server)
    stream = Stream(app, socketio.server, most)
    manager.accepted = stream.welcome
    strangers = gate.Strangers(socketio.server)
    stream.every_second(lambda: strangers.close_stale(stream.admitted()))
    stream.every_second(stream.door.hurry)
    gate.limit(socketio.server, most, stream.start, stream.door)
    return stream


def _async_mode() -> str:
    """gevent where the process runs on it (gunicorn -k gevent patches the sockets first), else threads."""
    monkey = sys.modules.get("gevent.monkey")
    return "gevent" if monkey is not None and monkey.is_module_patched("socket") else "threading"
