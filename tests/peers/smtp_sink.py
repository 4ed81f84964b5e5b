"""An SMTP server that takes every mail, writes down its id before it says so, and misbehaves for some recipients.

In a test: `with SmtpSink(folder) as sink`. By hand, or for a kill test: `python -m tests.peers.smtp_sink --port 2525 --log FILE`.
Every accepted mail's X-Carillon-Delivery is a line of the log.

| recipient     | what happens                                          |
|---------------|-------------------------------------------------------|
| later@        | 451 to RCPT                                           |
| nobody@       | 550 to RCPT                                           |
| spam@         | 554 to the body                                       |
| hangup@       | the connection ends after RCPT                        |
| lost-reply@   | the mail is accepted, the connection ends, no answer  |
| garbled@      | the mail is accepted, the answer is no SMTP           |
| slow@         | the answer to the body comes after `delay` seconds    |
| leak@         | 550 to RCPT, and the server repeats the password      |
"""

import argparse
import asyncio
import signal
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peers.record import Record, ids


@dataclass(frozen=True)
class Received:
    """One mail as it came: the envelope and the bytes."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool

    @property
    def parsed(self) -> EmailMessage:
        """The mail, parsed by the standard library."""
        parsed = message_from_bytes(self.content, policy=POLICY)
        assert isinstance(parsed, EmailMessage)
        return parsed


class SmtpSink:
    """The server, on a thread with its own event loop. `tls`: TLS throughout; `starttls`: offered; `login`: user, password."""

    def __init__(
        self, log: Path, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None, folder: Path | None = None,
        keep: bool = True, pipelining: bool = False,
    ) -> None:
        self.record = Record(log)
        self.host, self.port = host, port
        self.tls, self.starttls, self.login, self.folder, self.keep = tls, starttls, login, folder, keep
        self.pipelining = pipelining  # offered; understood it is in any case
        self.received: list[Received] = []
        self.connections = 0
        self.noops = 0
        self.delay = 1.0
        self.mails_per_session = 0  # 0: no limit
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[_Protocol] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(), self._loop).result(10)
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.record.close()

    @property
    def accepted(self) -> list[str]:
        """The ids of the accepted mails, in order."""
        return ids(self.record.path)

    def hang_up(self) -> None:
        """End every open connection, as a server does with those that idle."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: ([one.transport.abort() for one in self._open], done.set()))
        assert done.wait(5)

    async def listen(self) -> None:
        """Start to listen in the running loop; `port` is the real one afterwards."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for protocol in list(self._open):
            protocol.transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _protocol(self) -> SMTP:
        self.connections += 1
        return _Protocol(
            _Handler(self), loop=asyncio.get_running_loop(), hostname="sink.example", ident="sink", data_size_limit=2**25,
            enable_SMTPUTF8=True, tls_context=self.starttls, auth_require_tls=self.login is None,
            authenticator=self._check if self.login else None,
        )

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=right, handled=right)


class _Protocol(SMTP):
    def connection_made(self, transport: Any) -> None:
        self.event_handler.sink._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.sink._open.discard(self)
        super().connection_lost(error)


class _Handler:
    def __init__(self, sink: SmtpSink) -> None:
        self.sink = sink
        self.mails = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *(["250-PIPELINING"] if self.sink.pipelining else []), *responses[1:]]

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.sink.login and not session.authenticated:
            return "530 5.7.0 log in first"
        if self.sink.mails_per_session and self.mails >= self.sink.mails_per_session:
            asyncio.get_running_loop().call_later(0.01, server.transport.close)
            return "421 4.7.0 enough for one session"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 sender ok"

    async def handle_NOOP(self, server: SMTP, session: Session, envelope: Envelope, argument: str) -> str:
        self.sink.noops += 1
        return "250 2.0.0 still here"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        said = {
            "later": "451 4.7.1 greylisted, come back later", "nobody": "550 5.1.1 no such user here",
            "leak": f"550 5.1.1 no such user, {self.sink.login and self.sink.login[1]}",
        }.get(address.partition("@")[0])
        if said:
            return said
        if address.startswith("hangup@"):
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        local = envelope.rcpt_tos[0].partition("@")[0]
        if local == "spam":
            return "554 5.7.1 looks like spam"
        self._accept(envelope, encrypted=server.transport.get_extra_info("ssl_object") is not None)
        if local == "slow":
            await asyncio.sleep(self.sink.delay)
        if local == "lost-reply":
            server.transport.abort()
        return "who knows" if local == "garbled" else f"250 2.0.0 queued as {self.mails}"

    def _accept(self, envelope: Envelope, *, encrypted: bool) -> None:
        content = envelope.original_content or b""
        head = content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").splitlines()
        found = [line.partition(":")[2].strip() for line in head if line.lower().startswith("x-carillon-delivery:")]
        self.sink.record.append(found[0] if found else "none")
        self.mails += 1
        if self.sink.keep:
            self.sink.received.append(Received(envelope.mail_from or "", envelope.rcpt_tos, content, encrypted))
        if self.sink.folder:
            (self.sink.folder / f"{found[0] if found else id(envelope)}.eml").write_bytes(content)


def main() -> None:
    """Run as a process until SIGTERM or SIGINT; prints one line when it listens."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--log", type=Path, required=True, help="file that gets the id of every accepted mail")
    parser.add_argument("--mails", type=Path, help="folder that gets every accepted mail as an .eml file")
    parser.add_argument("--login", help="user:password that must be given")
    arguments = parser.parse_args()
    if arguments.mails:
        arguments.mails.mkdir(parents=True, exist_ok=True)
    login = tuple(arguments.login.split(":", 1)) if arguments.login else None
    sink = SmtpSink(arguments.log, port=arguments.port, folder=arguments.mails, login=login, keep=False)
    _run(sink.listen, lambda: f"smtp://127.0.0.1:{sink.port}")


def _run(listen: Callable[[], Any], address: Callable[[], str]) -> None:
    """Listen, say where, and wait for SIGTERM or SIGINT."""

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await listen()
        print(f"listening on {address()}", flush=True)
        await stop.wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
