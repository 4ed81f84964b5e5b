"""Addresses where nothing works: nobody listens, nobody speaks, or somebody hangs up at the worst moment."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refusing() -> Iterator[int]:
    """A port of this machine that refuses connections for as long as it is held."""
    with socket.socket() as held:  # bound and not listening: nobody else can take it meanwhile
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def silent() -> Iterator[int]:
    """A port where connections come about and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def hanging_up(greeting: bytes = b"") -> Iterator[int]:
    """A port where every connection is ended at once, before a TLS handshake, or after a greeting."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
                connection.sendall(greeting)
                connection.close()
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@contextmanager
def cutting(read: int | None) -> Iterator[int]:
    """An SMTP server for one mail that ends the connection after `read` bytes of its body, or after its final dot (None)."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 cutting\r\n")
            for line in lines:
                command = line[:4].upper()
                connection.sendall(b"354 go on\r\n" if command == b"DATA" else b"250 ok\r\n")
                if command == b"DATA":
                    break
            if read is None:
                any(line == b".\r\n" for line in lines)
            else:
                lines.read(read)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()
        thread.join(5)
