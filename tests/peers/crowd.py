"""Very many live connections from one process: Socket.IO over bare WebSockets, for benches that measure no client library."""

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE = 20.0  # seconds for one attempt, as in socket.io-client
FIRST_DELAY, LONGEST_DELAY, JITTER = 1.0, 5.0, 0.5  # of its attempts to come back, too


@dataclass(slots=True)
class Member:
    """One connection: its token, and the cursor that it was given last."""

    token: str
    cursor: str = ""
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None


@dataclass(slots=True)
class Crowd:
    """Connections to one server. `came` counts the notifications heard, `last` is when the last one came (monotonic seconds)."""

    host: str
    port: int
    came: int = 0
    refused: int = 0
    here: int = 0
    attempts: int = 0
    last: float = 0.0
    comes_back: bool = False  # whose connection ends tries again, as socket.io-client does
    ready: list[float] = field(default_factory=list)  # seconds that each connection took, up to its first sync
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def connect(self, tokens: Sequence[str], at_once: int) -> float:
        """Open a connection for each token, so many at once; each is ready with its `sync`. Returns the seconds it took."""
        gate, started = asyncio.Semaphore(at_once), time.monotonic()

        async def one(member: Member) -> None:
            async with gate:
                begun = time.monotonic()
                await asyncio.wait_for(self._open(member), 120)
                if member.reader is None:
                    self.refused += 1
                    return
                self.ready.append(time.monotonic() - begun)
            self._tasks.append(asyncio.create_task(self._stay(member)))

        await asyncio.gather(*(one(Member(token)) for token in tokens))
        return time.monotonic() - started

    async def heard(self, count: int, seconds: float) -> bool:
        """Wait until so many notifications have come in all."""
        deadline = time.monotonic() + seconds
        while self.came < count and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return self.came >= count

    async def back(self, count: int, seconds: float) -> float:
        """Wait until so many are connected. Returns the seconds that it took, or as many as were given."""
        began = time.monotonic()
        while self.here < count and time.monotonic() < began + seconds:
            await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def close(self) -> None:
        self.comes_back = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stay(self, member: Member) -> None:
        await self._listen(member)
        delay = FIRST_DELAY
        while self.comes_back:
            await asyncio.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))
            delay = min(delay * 2, LONGEST_DELAY)
            self.attempts += 1
            try:
                await asyncio.wait_for(self._open(member), PATIENCE)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self._hang_up(member)
            if member.reader is not None:
                delay = FIRST_DELAY
                await self._listen(member)

    async def _open(self, member: Member) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        member.writer = writer
        writer.write((
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            return self._hang_up(member)
        await _frame(reader)  # the transport's own greeting
        writer.write(_masked("40" + json.dumps({"token": member.token, "since": member.cursor or None})))
        while True:
            text = await _frame(reader)
            if text.startswith(b"44") or not text:
                return self._hang_up(member)
            if text.startswith(b'42["sync"'):
                member.cursor = json.loads(text[2:])[1].get("cursor", "")
                member.reader = reader
                self.here += 1
                return None

    def _hang_up(self, member: Member) -> None:
        if member.writer is not None:
            member.writer.close()
        if member.reader is not None:
            self.here -= 1
        member.reader = member.writer = None

    async def _listen(self, member: Member) -> None:
        assert member.reader is not None
        assert member.writer is not None
        try:
            while text := await _frame(member.reader):
                if text.startswith(b'42["notification"'):
                    self.came += 1
                    self.last = time.monotonic()
                elif text == b"2":
                    member.writer.write(_masked("3"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._hang_up(member)


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
