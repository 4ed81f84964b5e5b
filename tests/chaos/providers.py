"""The providers of a chaos run, in one process of their own: SMTP and Sparrow's API, in a mood that the run changes as it goes.

`python -m tests.chaos.providers FOLDER`: FOLDER/providers.json says where they listen, email.log and sms.log hold every accepted
delivery's id (written before the answer), and FOLDER/mood.json says how they behave. It may be killed and started anew: it then
listens on the same ports.
"""

import asyncio
import json
import os
import random
import re
import sys
import time
from asyncio import StreamReader, StreamWriter
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos.processes import free_port
from tests.peers.record import Record
from tests.peers.sparrow_server import SparrowServer
from tests.peers.web import Call, Reply

LOOK_EVERY = 0.05  # seconds between two looks at the mood
DELIVERY = re.compile(rb"(?im)^x-carillon-delivery:\s*(\S+)")
WORDS = {
    421: b"421 4.3.2 not now\r\n", 451: b"451 4.7.1 come back later\r\n", 452: b"452 4.3.1 no room just now\r\n",
}


@dataclass(frozen=True)
class Mood:
    """How the providers behave. `latency`: seconds before each acceptance is answered; the others are probabilities."""

    latency: float = 0.0
    drop: float = 0.0  # accepted, and the connection ends without an answer
    refuse: float = 0.0  # not accepted: 421, 451, 452 by SMTP; 429, 500, 503 over HTTP

    def write(self, folder: Path) -> None:
        """Put the providers of this folder into this mood."""
        fresh = folder / "mood.new"
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(folder / "mood.json")


class Moods:
    """The mood in force, read again where its file may have changed."""

    def __init__(self, folder: Path) -> None:
        self._path, self._read, self._mood = folder / "mood.json", 0.0, Mood()
        self.chance = random.Random(os.getpid())

    def now(self) -> Mood:
        """What applies to the next message."""
        if time.monotonic() - self._read > LOOK_EVERY:
            self._read = time.monotonic()
            if self._path.exists():
                self._mood = Mood(**json.loads(self._path.read_text()))
        return self._mood

    def happens(self, probability: float) -> bool:
        """True in that many of all cases."""
        return self.chance.random() < probability


class Sparrow(SparrowServer):
    """The SMS peer without its magic numbers, in the run's mood."""

    def __init__(self, log: Path, moods: Moods, *, port: int) -> None:
        super().__init__(log, port=port)
        self._moods = moods

    def _scripted(self, number: str, token: str) -> Reply | None:
        return None

    def _accept(self, call: Call, number: str, text: str) -> Reply:
        self.calls.clear()
        mood = self._moods.now()
        if self._moods.happens(mood.refuse):
            return Reply(self._moods.chance.choice([429, 500, 503]), b"")
        self.record.append(call.headers.get("x-carillon-delivery", "none"))
        said = {"count": 1, "response_code": 200, "response": "1 message queued", "message_id": 1}
        return Reply(200, said, wait=mood.latency, drop=self._moods.happens(mood.drop))


class Mailbox:
    """One SMTP server: as little of the protocol as a sender needs, and quick enough not to be what is measured."""

    def __init__(self, log: Path, moods: Moods) -> None:
        self._record, self._moods = Record(log), moods

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One session."""
        try:
            await self._session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the sender was killed
        finally:
            writer.close()

    async def _session(self, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"220 chaos\r\n")
        while line := await reader.readline():
            command = line[:4].upper()
            if command == b"QUIT":
                return
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                answer = await self._mail(await reader.readuntil(b"\r\n.\r\n"))
            else:
                answer = self._answer(command)
            if not answer:
                return
            writer.write(answer)
            await writer.drain()
            if answer.startswith(b"421"):
                return

    def _answer(self, command: bytes) -> bytes:
        if command == b"EHLO":
            return b"250-chaos\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 33554432\r\n"
        if command == b"RCPT" and self._moods.happens(self._moods.now().refuse / 2):
            return WORDS[self._moods.chance.choice([421, 451])]
        return b"250 2.0.0 ok\r\n"

    async def _mail(self, content: bytes) -> bytes:
        """Accept one mail, or not; nothing to say means that the connection is cut."""
        mood = self._moods.now()
        if self._moods.happens(mood.refuse / 2):
            return WORDS[self._moods.chance.choice([421, 451, 452])]
        found = DELIVERY.search(content)
        self._record.append(found[1].decode() if found else "none")
        if mood.latency:
            await asyncio.sleep(mood.latency)
        return b"" if self._moods.happens(mood.drop) else b"250 2.0.0 queued\r\n"


async def _run(folder: Path) -> None:
    known = folder / "providers.json"
    ports = json.loads(known.read_text()) if known.exists() else {"smtp": free_port(), "sparrow": free_port()}
    moods = Moods(folder)
    mailbox = Mailbox(folder / "email.log", moods)
    server = await asyncio.start_server(mailbox.serve, "127.0.0.1", ports["smtp"], limit=2**22, backlog=512)
    with Sparrow(folder / "sms.log", moods, port=ports["sparrow"]):
        (folder / "providers.new").write_text(json.dumps(ports))
        (folder / "providers.new").replace(known)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
