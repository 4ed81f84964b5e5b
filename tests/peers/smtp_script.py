"""An SMTP server with PIPELINING that does one thing wrong: at one point of one mail it refuses, says 421 or hangs up.

`accepted` holds the recipients whose mail it took, a final dot and all, whatever it said afterwards.
"""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

POINTS = ("MAIL", "RCPT", "DATA", "body", "dot")


@dataclass(frozen=True)
class Wrong:
    """What goes wrong: at `point` of mail number `mail` (from 1), the words that are said; none: the connection is reset."""

    point: str
    mail: int = 1
    says: str = ""


@dataclass
class SmtpScript:
    """The server, on threads; `go_on`: it answers 354 to DATA even where it took no recipient."""

    wrong: Wrong | None = None
    go_on: bool = False
    offers: str = "PIPELINING"
    most: int = 0  # connections at once, 421 for others; 0: any number
    refusals: dict[str, str] = field(default_factory=dict)  # what it says to RCPT, by the recipient's domain
    accepted: list[str] = field(default_factory=list)
    groups: list[bytes] = field(default_factory=list)  # what came in one go
    connections: int = 0
    _open: int = 0
    _mails: int = 0

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open += 1
            crowded = bool(self.most) and self._open > self.most
        with suppress(OSError, EOFError), connection:
            if crowded:
                connection.sendall(b"421 4.7.0 too many connections\r\n")
            else:
                _Dialogue(self, connection).run()
        with self._lock:
            self._open -= 1


class _Dialogue:
    def __init__(self, script: SmtpScript, connection: socket.socket) -> None:
        self.script, self.connection = script, connection
        self.waiting = b""
        self.recipient = ""
        self.number = 0

    def run(self) -> None:
        self.say("220 script")
        while True:
            command = self.line().decode()
            word = command[:4].upper()
            if word == "EHLO":
                self.say(f"250-script\r\n250 {self.script.offers}" if self.script.offers else "250 script")
            elif word == "MAIL":
                self.mail()
            elif word == "RCPT":
                self.rcpt(command)
            elif word == "DATA":
                self.data()
            elif word == "QUIT":
                return
            else:
                self.say("250 ok")

    def mail(self) -> None:
        with self.script._lock:
            self.script._mails += 1
            self.number = self.script._mails
        self.recipient = ""
        self.refused = not self.fine("MAIL", "250 sender ok")

    def rcpt(self, command: str) -> None:
        address = command.partition("<")[2].partition(">")[0]
        refusal = "503 no sender" if self.refused else self.script.refusals.get(address.rpartition("@")[2], "")
        if refusal:
            self.say(refusal)
        elif self.fine("RCPT", "250 recipient ok"):
            self.recipient = address

    def data(self) -> None:
        if not self.recipient and not self.script.go_on:
            self.say("554 no valid recipients")
        elif self.fine("DATA", "354 go on"):
            self.body()

    def body(self) -> None:
        if self.now("body"):
            self.line()
            self.fine("body", "")
        while self.line() != b".":
            pass
        if not self.recipient:
            self.say("554 no valid recipients")
        elif not (self.now("dot") and self.script.wrong and self.script.wrong.says):
            self.script.accepted.append(self.recipient)
            self.fine("dot", "250 taken")
        else:
            self.fine("dot", "")

    def now(self, point: str) -> bool:
        wrong = self.script.wrong
        return wrong is not None and (wrong.point, wrong.mail) == (point, self.number)

    def fine(self, point: str, words: str) -> bool:
        """Say the words; False where this is what goes wrong."""
        if not self.now(point):
            self.say(words)
            return True
        assert self.script.wrong
        if self.script.wrong.says:
            self.say(self.script.wrong.says)
            if self.script.wrong.says.startswith("421"):
                raise EOFError
            return False
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        raise EOFError

    def say(self, words: str) -> None:
        self.connection.sendall(words.encode() + b"\r\n")

    def line(self) -> bytes:
        while b"\n" not in self.waiting:
            came = self.connection.recv(65_536)
            if not came:
                raise EOFError
            self.script.groups.append(came)
            self.waiting += came
        line, _, self.waiting = self.waiting.partition(b"\n")
        return line.rstrip(b"\r")
