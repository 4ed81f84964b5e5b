"""How a connection to the mail server comes about: SMTP_URL, TLS, login, and what their failures mean."""

import ipaddress
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from tasks.channels.base import ChannelError
from tasks.config import LOOPBACK

Security = Literal["tls", "starttls", "opportunistic"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes out, as SMTP_URL says."""

    host: str
    port: int
    user: str
    password: str
    security: Security  # tls: from the first byte; starttls: required; opportunistic: where the server offers it


def server(url: str) -> Server:
    """Take SMTP_URL apart. Raises ValueError.

    `smtps://` is TLS throughout (port 465). `smtp://` with a password insists on STARTTLS with a trusted certificate (port
    587), except to this very machine; without one it encrypts where it can (port 25).
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:  # its own words would quote a piece of the password, where that holds a slash
        raise ValueError("the port is not a number; in a password, write / as %2F, @ as %40 and # as %23") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("write smtp://user:password@host:587 or smtps://host:465")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "smtps":
        return Server(parts.hostname, port or 465, user, password, "tls")
    security: Security = "starttls" if user and parts.hostname not in LOOPBACK else "opportunistic"
    return Server(parts.hostname, port or (587 if user else 25), user, password, security)


def greeting_name(base_url: str) -> str:
    """What we call ourselves in EHLO: the product's public name, else an address literal, which no server refuses."""
    host = urlsplit(base_url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host if "." in host else "[127.0.0.1]"
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def connect(to: Server, name: str, connect_timeout: float, read_timeout: float) -> smtplib.SMTP:
    """A connection that is encrypted and logged in as `to` wants it. `name` is for EHLO, timeouts in seconds.

    Raises ChannelError.
    """
    smtp: smtplib.SMTP | None = None
    try:
        smtp = (_Wrapped if to.security == "tls" else _Plain)(to.host, to.port, name, connect_timeout, read_timeout)
        smtp.ehlo_or_helo_if_needed()
        if to.security != "tls":
            _start_tls(smtp, required=to.security == "starttls")
        if to.user:
            smtp.login(to.user, to.password)
    except (OSError, ValueError) as error:
        if smtp:
            smtp.close()
        raise _failed(error) from error
    return smtp


def _start_tls(smtp: smtplib.SMTP, *, required: bool) -> None:
    if not smtp.has_extn("starttls"):
        if required:
            raise smtplib.SMTPNotSupportedError(
                "The server offers no STARTTLS, and the password must not travel in the clear: use smtps:// or another port."
            )
        return
    context = ssl.create_default_context()
    if not required:  # where plain text would do as well, an untrusted certificate is still better than none
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    smtp.starttls(context=context)
    smtp.ehlo()


def _failed(error: OSError | ValueError) -> ChannelError:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = f"Certificate not trusted: {error.verify_message}"
        return ChannelError(words, status="configuration", code="certificate")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 400:
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        # 5xx to the greeting, EHLO or AUTH: nobody's mail can go until somebody changes the settings.
        return ChannelError(words, status="configuration" if error.smtp_code >= 500 else "temporary", code=str(error.smtp_code))
    not_smtp = smtplib.SMTPServerDisconnected | smtplib.SMTPResponseException
    if isinstance(error, not_smtp) or not isinstance(error, smtplib.SMTPException | ValueError):
        return ChannelError(f"No connection to the mail server: {error}", code="unreachable")
    return ChannelError(str(error), status="configuration", code="login")


class _Plain(smtplib.SMTP):
    def __init__(self, host: str, port: int, name: str, connect_timeout: float, read_timeout: float) -> None:
        self.read_timeout = read_timeout
        super().__init__(host, port, local_hostname=name, timeout=connect_timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        # With Nagle's algorithm a body above 16 kB over TLS waits 40 ms for an acknowledgement.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.settimeout(self.read_timeout)
        return made


class _Wrapped(smtplib.SMTP_SSL, _Plain):
    def __init__(self, host: str, port: int, name: str, connect_timeout: float, read_timeout: float) -> None:
        self.read_timeout = read_timeout
        smtplib.SMTP_SSL.__init__(
            self, host, port, local_hostname=name, timeout=connect_timeout, context=ssl.create_default_context()
        )
