"""The gate before any login: how many transports may be open, how long a stranger may hold one, and how much it may say."""

import socket
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from socketio import Server

from tasks.live.door import LONGEST_WAIT, Door
from tasks.live.websocket import OneThreadWebSocket

ON_THREADS, ON_GEVENT = 250, 10_000  # live connections that one process accepts: a thread each is dear, a greenlet is not
SPARE = 16  # transports above the cap, held just long enough to hear the reason of their refusal
ESTABLISHED = 1  # the first byte of Linux's tcp_info, while neither side has hung up
PATIENCE = 10.0  # seconds from opening a transport to a valid token


def limit(server: Server, most: int, opened: Callable[[], None], door: Door) -> None:
    """Refuse transports beyond `most` + SPARE before each takes a thread, and too large messages before they take memory.

    The others wait at `door`; `opened` is called for each that is let in.
    """
    connect: Callable[[str, Any], Any] = server.eio.handlers["connect"]

    def connect_if_room(eio_sid: str, environ: Any) -> Any:
        if len(server.eio.sockets) > most + SPARE:
            return "This server has no room for another connection just now."
        server.eio.sockets[eio_sid].last_ping = time.time() + LONGEST_WAIT  # nobody has asked it for a sign of life yet
        if not door.enter(eio_sid):
            return "Too many come at once. Try again in a few seconds."
        if not _is_there(environ):
            door.leave(eio_sid)
            return "You have gone."
        opened()
        return connect(eio_sid, environ)

    def disconnect(eio_sid: str, *reason: Any) -> Any:
        door.leave(eio_sid)
        return ended(eio_sid, *reason)

    ended: Callable[..., Any] = server.eio.handlers["disconnect"]
    server.eio.on("connect", connect_if_room)
    server.eio.on("disconnect", disconnect)
    if issubclass(server.eio._async["websocket"], SimpleWebSocketWSGI):  # gevent's is one, too
        server.eio._async = {**server.eio._async, "websocket": OneThreadWebSocket}


def _is_there(environ: Mapping[str, Any]) -> bool:
    """False where the client has hung up while it waited: letting it in would cost as much as somebody who is there."""
    wire = environ.get("gunicorn.socket")
    if wire is None or not hasattr(socket, "TCP_INFO"):
        return True
    try:
        return bool(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED)
    except OSError:  # no TCP
        return True


class Strangers:
    """Transports on which nobody has logged in. Those that outstay their patience are closed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._since: dict[str, float] = {}

    def close_stale(self, admitted: Collection[tuple[str, str]]) -> None:
        """Call it about once a second with everyone who is logged in: (connection, namespace)."""
        now = time.monotonic()
        known = {self._server.manager.eio_sid_from_sid(sid, namespace) for sid, namespace in admitted}
        for namespace, waiting in list(self._server.manager.pending_connect.items()):  # their token is being looked at
            known |= {self._server.manager.eio_sid_from_sid(sid, namespace) for sid in list(waiting)}
        strange = {
            sid: self._since.get(sid, now) for sid, found in list(self._server.eio.sockets.items())
            if sid not in known and found.connected  # who waits at the door is not
        }
        self._since = strange
        for sid, since in strange.items():
            stale = self._server.eio.sockets.get(sid) if now - since > PATIENCE else None
            if stale is not None:
                self._server.start_background_task(stale.close, wait=False)
