"""E-mail over SMTP: SMTP_URL and MAIL_FROM. Kept sessions, one recipient per envelope.

How answers are sorted: 4xx is temporary; 5xx is permanent where it concerns the recipient or the mail, and a matter of
configuration where it concerns us (sender, login); a connection lost before the mail's final dot was sent is temporary, and
one lost between the dot and the answer is unknown.
"""

import base64
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import cached_property

from tasks.channels.base import NO_TARGET, NOWHERE, Channel, ChannelError, Message, Pair, Receipt, Target, TargetResult, measured
from tasks.channels.mime import Mail, Sender, build, sender
from tasks.channels.outcome import failure
from tasks.channels.smtp_connect import Server, greeting_name, server
from tasks.channels.smtp_lot import Denials, Lot
from tasks.channels.smtp_session import HungUp, Session
from tasks.config import Settings

IDLE = 5.0  # seconds after which a kept session is asked whether it still stands
PATIENCE = 30.0  # seconds to wait for one of the sessions that others are using
LONGEST = 120.0  # seconds after which a hand-over takes up no further mail: it must end within its lease


class SmtpChannel(Channel):
    """Hands mails to one SMTP server over up to `smtp_connections` sessions per process."""

    name = "smtp"
    channel = "email"
    requires = ("smtp_url",)
    batch = 32

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.concurrency = max(1, config.smtp_connections)
        self._places = threading.BoundedSemaphore(self.concurrency)
        self._spare = threading.BoundedSemaphore(1)  # for a single mail that finds them all taken by a great lot
        self._denials = Denials()
        self._kept: deque[tuple[Session, float]] = deque()  # with the moment of its last use; the freshest on the right

    def prepare(self) -> None:
        """Read the settings. Raises ChannelError where one is missing or malformed."""
        try:
            _ = self._server, self._sender
        except ValueError as error:
            detail = f"CARILLON_SMTP_URL or CARILLON_MAIL_FROM is not right: {error}"
            raise ChannelError(detail, status="configuration", code="settings") from None

    def carry(self, pairs: Sequence[Pair]) -> list[TargetResult]:
        """Send each mail in an envelope of its own. Up to `concurrency` sessions share them: each takes the next."""
        lot = Lot(pairs, time.monotonic() + LONGEST)
        self.each([lot] * min(self.concurrency, len(pairs)), self._work)
        return self._denials.judged(lot.results())

    def secrets(self) -> Sequence[str]:
        """The password, and the forms in which AUTH carries it."""
        try:
            to = self._server
        except ValueError:
            return ()
        plain = base64.b64encode(f"\0{to.user}\0{to.password}".encode()).decode()
        return (to.password, base64.b64encode(to.password.encode()).decode(), plain) if to.password else ()

    def close(self) -> None:
        """End the kept sessions."""
        super().close()
        while self._kept:
            self._kept.pop()[0].close(politely=True)

    @cached_property
    def _server(self) -> Server:
        return server(self.config.smtp_url)

    @cached_property
    def _sender(self) -> Sender:
        return sender(self.config.mail_from)

    def _work(self, lot: Lot) -> None:
        """Carry mails of the lot over one session. Who gets none leaves them to the others."""
        places = self._admitted(single=len(lot.pairs) == 1)
        if places is None:
            lot.leave(ChannelError("All connections to the mail server are busy.", code="busy"))
            return
        session = None
        try:
            while (place := lot.take()) is not None:
                message, target = lot.pairs[place]
                mail = self._built(message, target)
                if isinstance(mail, TargetResult):
                    lot.found[place] = mail
                    continue
                try:
                    session = session if session and session.usable else self._take() or self._open()
                except ChannelError as error:
                    lot.leave(error, place)
                    return
                session, lot.found[place] = self._carried(session, mail, target)
        finally:
            if session and session.usable:
                self._kept.append((session, time.monotonic()))
            places.release()

    def _admitted(self, *, single: bool) -> threading.BoundedSemaphore | None:
        """Wait for the right to a session; what is to be released afterwards, or None where it did not come in time."""
        if self._places.acquire(blocking=False):
            return self._places
        waited = self._spare if single else self._places
        return waited if waited.acquire(timeout=PATIENCE) else None

    def _carried(self, session: Session, mail: Mail, target: Target) -> tuple[Session, TargetResult]:
        """What became of one mail, and the session it went over in the end."""
        over = [session]

        def send() -> Receipt:
            if session.mails:
                try:
                    return _receipt(session, mail)
                except HungUp:
                    over.append(self._open())  # servers end sessions that idle or carried enough mails: no second attempt
            return _receipt(over[-1], mail)

        result = measured(target, send)
        return over[-1], result

    def _built(self, message: Message, target: Target) -> Mail | TargetResult:
        if target is NOWHERE:
            return NO_TARGET
        try:
            return build(message, target.address, self._sender)
        except ValueError as error:
            return failure(target, ChannelError(str(error), status="permanent", code="invalid_address"))
        except Exception as error:  # a bug; nothing was sent
            return failure(target, ChannelError(str(error), code=type(error).__name__))

    def _open(self) -> Session:
        return Session(self._server, greeting_name(self.config.base_url), self.connect_timeout, self.read_timeout)

    def _take(self) -> Session | None:
        while True:
            try:
                session, used = self._kept.pop()
            except IndexError:
                return None
            if time.monotonic() - used < IDLE or session.alive():
                return session


def _receipt(session: Session, mail: Mail) -> Receipt:
    try:
        return Receipt(session.hand_over(mail), provider_ref=mail.message_id, code="250")
    except ChannelError:
        raise
    except BaseException:  # nobody knows in which state the session is now
        session.close()
        raise
