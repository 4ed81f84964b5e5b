"""Very many live connections from one process: Socket.IO over bare WebSockets, for benches that measure no client library."""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Crowd:
    """Connections to one server. `came` counts the notifications heard, `last` is when the last one came (monotonic seconds)."""

    host: str
    port: int
    came: int = 0
    refused: int = 0
    last: float = 0.0
    ready: list[float] = field(default_factory=list)  # seconds that each connection took, up to its first sync
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def connect(self, tokens: Sequence[str], at_once: int) -> float:
        """Open a connection for each token, so many at once; each is ready with its `sync`. Returns the seconds it took."""
        gate, started = asyncio.Semaphore(at_once), time.monotonic()

        async def one(token: str) -> None:
            async with gate:
                begun = time.monotonic()
                stream = await asyncio.wait_for(self._open(token), 120)
                if stream is None:
                    self.refused += 1
                    return
                self.ready.append(time.monotonic() - begun)
            self._tasks.append(asyncio.create_task(self._listen(*stream)))

        await asyncio.gather(*(one(token) for token in tokens))
        return time.monotonic() - started

    async def heard(self, count: int, seconds: float) -> bool:
        """Wait until so many notifications have come in all."""
        deadline = time.monotonic() + seconds
        while self.came < count and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return self.came >= count

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write((
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            writer.close()
            return None
        await _frame(reader)  # the transport's own greeting
        writer.write(_masked("40" + json.dumps({"token": token})))
        while True:
            text = await _frame(reader)
            if text.startswith(b"44") or not text:
                writer.close()
                return None
            if text.startswith(b'42["sync"'):
                return reader, writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while text := await _frame(reader):
                if text.startswith(b'42["notification"'):
                    self.came += 1
                    self.last = time.monotonic()
                elif text == b"2":
                    writer.write(_masked("3"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """One text message of the server's, which never masks and here never splits; empty at the end."""
    head = await reader.readexactly(2)
    size = head[1] & 127
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    body = await reader.readexactly(size)
    return b"" if head[0] & 15 == 8 else body


def _masked(text: str) -> bytes:
    body, mask = text.encode(), os.urandom(4)
    size = bytes([128 | len(body)]) if len(body) < 126 else bytes([254]) + len(body).to_bytes(2, "big")
    return b"\x81" + size + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))
