"""An SMTP server that takes every mail and keeps none: `python -m dashboard.bench.sink` prints the port it listens on."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ANSWERS = {b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class _Session(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._left, self._in_data = transport, b"", False
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._left += data
        while True:
            mark = b"\r\n.\r\n" if self._in_data else b"\r\n"
            line, found, rest = self._left.partition(mark)
            if not found:
                return
            self._left = rest
            if self._in_data:
                self._in_data = False
                self._transport.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            self._in_data = word == b"DATA"
            self._transport.write(ANSWERS.get(word, b"250 ok\r\n"))


@contextmanager
def sink() -> Iterator[int]:
    """Run it in a process of its own. Gives the port it listens on, on 127.0.0.1."""
    with subprocess.Popen([sys.executable, "-m", "dashboard.bench.sink"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Session, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
