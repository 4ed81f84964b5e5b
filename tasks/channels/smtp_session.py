"""One SMTP session, kept open between mails: each of its answers, or their absence, has one meaning."""

import re
from collections.abc import Sequence

from tasks.channels.base import UNTRIED, ChannelError, Status, ending
from tasks.channels.mime import Mail
from tasks.channels.smtp_connect import Server, connect

SENDER, RECIPIENT = 0, 1  # of the three commands: MAIL, RCPT, DATA
GO_ON = 354
FINE = ({250}, {250, 251, 252}, {GO_ON})  # answers that let it go on
DENIED = re.compile(r"5\.7\.\d")  # security and policy (RFC 3463, section 3.8), as the answer begins
RELAY = re.compile(r"\brelay", re.IGNORECASE)
ACCESS = {530, 534, 535, 538}  # log in first, wrong password, TLS first: ours to mend, whatever command they answer
TOO_LARGE = 552


class HungUp(ChannelError):
    """The server ended the session without taking the mail: surely not sent, and another session may work at once."""


class Session:
    """A session that is logged in. Raises ChannelError; `usable` says whether it can take another mail."""

    def __init__(self, to: Server, name: str, connect_timeout: float, read_timeout: float) -> None:
        self._smtp = connect(to, name, connect_timeout, read_timeout)
        self._pipelining = self._smtp.has_extn("pipelining")
        self.usable = True
        self.mails = 0  # that were taken or refused

    def alive(self) -> bool:
        """Ask the server whether the session still stands."""
        self._ask("NOOP")
        return self.usable

    def hand_over(self, mail: Mail) -> str:
        """Give one mail to the server. Returns its words of acceptance."""
        self.mails += 1
        try:
            self._envelope(mail)
            if ending.is_set():  # the last moment at which it is surely not sent
                self.close()
                raise ChannelError("This process is ending: another one sends it.", code=UNTRIED)
            self._smtp.send(_dotted(mail.content))
        except OSError as error:
            # The final dot is the last thing sent: where sending failed, the server cannot have seen it.
            raise self._lost(error) from error
        try:
            code, words = self._smtp.getreply()
        except OSError as error:
            self.close()
            raise ChannelError(f"Sent, and no answer came: {error}", status="unknown", code="no_reply") from error
        if 200 <= code < 300:
            return _text(words)
        if not 400 <= code < 600:
            self.close()
            raise ChannelError(f"Sent, and the answer was not SMTP: {_text(words)}", status="unknown", code="no_reply")
        if code == 421:
            self.close()
            raise HungUp(_text(words), code="421")
        raise self._refused(code, words, "permanent")

    def close(self, *, politely: bool = False) -> None:
        """End the session, with a QUIT where there is time for it."""
        try:
            if politely and self.usable:
                self._smtp.putcmd("QUIT")
        except OSError:
            pass  # the server was quicker
        finally:
            self.usable = False
            self._smtp.close()

    def _envelope(self, mail: Mail) -> None:
        """MAIL, RCPT and DATA: in one go where the server offers that (RFC 2920), else one by one."""
        commands = [_line(f"MAIL FROM:<{mail.sender}>", *self._options(mail)), _line(f"RCPT TO:<{mail.recipient}>"), b"DATA\r\n"]
        answers = self._in_one_go(commands) if self._pipelining else self._one_by_one(commands)
        for stage, (code, words) in enumerate(answers):
            if code not in FINE[stage]:
                if len(answers) == len(commands) and answers[-1][0] == GO_ON:
                    self._withdraw(stage)
                raise self._refused(code, words, self._for_good(stage, code, words, mail))

    def _in_one_go(self, commands: Sequence[bytes]) -> list[tuple[int, bytes]]:
        self._smtp.send(b"".join(commands))
        answers: list[tuple[int, bytes]] = []
        try:
            for _ in commands:
                answers.append(self._answer())
        except (OSError, HungUp):
            if _all_fine(answers):
                raise
            self.close()  # it refused, and left: the refusal stands
        return answers

    def _one_by_one(self, commands: Sequence[bytes]) -> list[tuple[int, bytes]]:
        answers: list[tuple[int, bytes]] = []
        for command in commands:
            self._smtp.send(command)
            answers.append(self._answer())
            if not _all_fine(answers):
                break
        return answers

    def _answer(self) -> tuple[int, bytes]:
        code, words = self._smtp.getreply()
        if code == 421 or not 200 <= code < 600:  # the session is over
            self.close()
            raise HungUp(_text(words), code=str(code) if code == 421 else "unreachable")
        return code, words

    def _withdraw(self, refused: int) -> None:
        """The server waits for a mail of which it refused the sender or the only recipient: it gets an empty one (RFC 2920, 3.1).

        Without a sender it should not even have said so: then nothing more is sent.
        """
        if refused != RECIPIENT:
            self.close()
            return
        try:
            self._smtp.send(b".\r\n")
            self._smtp.getreply()
        except OSError:
            self.close()

    def _for_good(self, stage: int, code: int, words: bytes, mail: Mail) -> Status:
        """What a 5xx says. Everybody's mail has this sender, so its refusal is a matter of settings; the size is the mail's own.

        A server that does not relay for us (X.7.1 in RFC 3463, "not authorized to send to the destination") would refuse
        everybody else's mail as well.
        """
        if stage == SENDER:
            return "permanent" if code == TOO_LARGE else "configuration"
        said = _text(words).replace(mail.recipient, "")
        return "configuration" if stage == RECIPIENT and DENIED.match(said) and RELAY.search(said) else "permanent"

    def _options(self, mail: Mail) -> list[str]:
        options = [f"SIZE={len(mail.content)}"] if self._smtp.has_extn("size") else []
        if mail.utf8:
            if not self._smtp.has_extn("smtputf8"):
                raise ChannelError("The server takes no SMTPUTF8 addresses.", status="permanent", code="no_smtputf8")
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        return options

    def _refused(self, code: int, words: bytes, for_good: Status) -> ChannelError:
        text = _text(words)
        if self.usable:
            self._ask("RSET")  # else the server would take the next MAIL for a nested one
        if code < 500:
            return ChannelError(text, code=str(code))
        return ChannelError(text, status="configuration" if code in ACCESS else for_good, code=str(code))

    def _lost(self, error: OSError) -> ChannelError:
        self.close()
        cause = error.__context__ or error
        # After a timeout another session would only cost another one.
        kind = ChannelError if isinstance(cause, TimeoutError) else HungUp
        return kind(f"The connection was lost before the mail was sent: {cause}", code="unreachable")

    def _ask(self, command: str) -> None:
        try:
            if self._smtp.docmd(command)[0] != 250:
                self.close()
        except OSError:
            self.close()


def _all_fine(answers: Sequence[tuple[int, bytes]]) -> bool:
    return all(code in fine for (code, _), fine in zip(answers, FINE, strict=False))


def _line(*words: str) -> bytes:
    return " ".join(words).encode() + b"\r\n"


def _dotted(content: bytes) -> bytes:
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"  # it begins with a header, and its lines end with CRLF alone


def _text(words: bytes) -> str:
    return words.decode("utf-8", "replace")
