"""HTTP/2 for the web peers: one connection, any number of streams, each answered as over HTTP/1.1."""

import json
import socket
import threading
from contextlib import suppress
from typing import Any, Protocol

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError


class Answering(Protocol):
    """What a reply has (see tests.peers.web.Reply)."""

    status: int
    body: object
    headers: dict[str, str]
    wait: float
    drop: bool


class Http2:
    """One connection. `answer(method, path, headers, body)` says what to reply; a reply that drops ends the whole connection."""

    def __init__(self, connection: socket.socket, answer: Any) -> None:
        self._socket, self._answer = connection, answer
        self._lock = threading.Lock()
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}

    def serve(self) -> None:
        """Serve until either side ends it."""
        self._h2.initiate_connection()
        self._flush()
        with suppress(OSError, ProtocolError):
            while data := self._socket.recv(65_536):
                with self._lock:
                    ended = [event for event in self._h2.receive_data(data) if self._take(event)]
                for event in ended:
                    self._reply(event.stream_id)
                self._flush()

    def _take(self, event: Any) -> bool:
        """Note what came; True where a request is whole."""
        if isinstance(event, RequestReceived):
            self._requests[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, DataReceived):
            self._requests[event.stream_id][1].extend(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            raise OSError
        return isinstance(event, StreamEnded)

    def _reply(self, stream: int) -> None:
        headers, body = self._requests.pop(stream)
        reply: Answering = self._answer(headers.pop(":method"), headers.pop(":path"), headers, bytes(body))
        if reply.drop:
            self._socket.shutdown(socket.SHUT_RDWR)
            raise OSError
        if reply.wait:
            threading.Timer(reply.wait, self._send, (stream, reply)).start()
        else:
            self._send(stream, reply)

    def _send(self, stream: int, reply: Answering) -> None:
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        named = {"content-type": "application/json", **{name.lower(): value for name, value in reply.headers.items()}}
        with suppress(OSError, ProtocolError):
            with self._lock:
                self._h2.send_headers(stream, [(":status", str(reply.status)), *named.items()])
                self._h2.send_data(stream, content, end_stream=True)
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            self._socket.sendall(self._h2.data_to_send())
