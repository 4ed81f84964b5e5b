"""The gate before any login: how many transports may be open, how long a stranger may hold one, and how much it may say."""

import time
from collections.abc import Callable, Collection
from typing import Any

from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from socketio import Server

from tasks.live.websocket import OneThreadWebSocket

ON_THREADS, ON_GEVENT = 250, 10_000  # live connections that one process accepts: a thread each is dear, a greenlet is not
SPARE = 16  # transports above the cap, held just long enough to hear the reason of their refusal
PATIENCE = 10.0  # seconds from opening a transport to a valid token


def limit(server: Server, most: int, opened: Callable[[], None]) -> None:
    """Refuse transports beyond `most` + SPARE before each takes a thread, and too large messages before they take memory.

    `opened` is called for each transport that is let in.
    """
    connect: Callable[[str, Any], Any] = server.eio.handlers["connect"]

    def connect_if_room(eio_sid: str, environ: Any) -> Any:
        if len(server.eio.sockets) > most + SPARE:
            return "This server has no room for another connection just now."
        opened()
        return connect(eio_sid, environ)

    server.eio.on("connect", connect_if_room)
    if issubclass(server.eio._async["websocket"], SimpleWebSocketWSGI):  # gevent's is one, too
        server.eio._async = {**server.eio._async, "websocket": OneThreadWebSocket}


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
        strange = {sid: self._since.get(sid, now) for sid in list(self._server.eio.sockets) if sid not in known}
        self._since = strange
        for sid, since in strange.items():
            socket = self._server.eio.sockets.get(sid) if now - since > PATIENCE else None
            if socket is not None:
                self._server.start_background_task(socket.close, wait=False)
