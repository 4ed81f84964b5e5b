"""Many POSTs at once, as streams of one HTTP/2 connection: a tenth of the CPU that a thread a request takes.

Needs the extra `push` (pycurl). libcurl would send a request again by itself where a kept connection dies before the answer;
here each body can be read only once, so such a second try fails, and the first one counts as lost.
"""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import certifi
import requests

from tasks.channels.base import ChannelError

try:
    import pycurl
except ImportError:  # the extra is not installed
    pycurl = None

STREAMS = 100  # at once; more than that no server promises (RFC 9113, section 6.5.2)
LOOK_EVERY = 0.1  # seconds between two looks for what takes too long


@dataclass(slots=True)
class Post:
    """One POST and what came of it: a status with headers and a body, or libcurl's error."""

    content: bytes
    status: int = 0
    headers: list[bytes] = field(default_factory=list)
    body: BytesIO = field(default_factory=BytesIO)
    seconds: float = 0.0
    error: int = 0
    words: str = ""
    begun: float = 0.0  # when its body left for the connection: from then on nobody knows
    taken: int = 0  # bytes of it

    def read(self, size: int) -> bytes:
        """The next bytes of the body, for libcurl; once."""
        self.begun = self.begun or time.monotonic()
        piece = self.content[self.taken : self.taken + size]
        self.taken += len(piece)
        return piece

    def response(self) -> requests.Response:
        """The answer, as `requests` would have it. Raises ChannelError where there is none."""
        if self.error:
            raise self._not_answered()
        made = requests.Response()
        made.status_code, made._content = self.status, self.body.getvalue()
        lines = (line.decode("latin-1").partition(":") for line in self.headers)
        made.headers.update({name.strip(): value.strip() for name, colon, value in lines if colon})
        return made

    def _not_answered(self) -> ChannelError:
        if self.error == pycurl.E_PEER_FAILED_VERIFICATION:
            return ChannelError(f"Certificate not trusted: {self.words}", status="configuration", code="certificate")
        if self.error in {pycurl.E_SSL_CACERT_BADFILE, pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL}:
            return ChannelError(f"The request cannot be made: {self.words}", status="configuration", code="request")
        if not self.begun:
            return ChannelError(f"No connection to the provider: {self.words}", code="unreachable")
        return ChannelError(f"Sent, and no answer came: {self.words}", status="unknown", code="no_reply")


class Wire:
    """One kept connection to one URL. One thread at a time may use it."""

    def __init__(self, url: str, session: requests.Session, timeouts: tuple[float, float]) -> None:
        """`session` says which certificates to trust and which proxy to take; `timeouts`: to connect and to read, in seconds."""
        self.speaks_http2 = True  # until the server turns out not to
        self._read_timeout = timeouts[1]
        self._multi: Any = None
        self._socket: socket.socket | None = None
        self._suspect = False
        trusted = session.verify
        self._options = {
            pycurl.URL: url,
            pycurl.POST: 1,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
            pycurl.PIPEWAIT: 1,
            pycurl.NOSIGNAL: 1,
            pycurl.OPENSOCKETFUNCTION: self._open,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.CAINFO: trusted if isinstance(trusted, str) else certifi.where(),
            pycurl.PROXY: session.proxies.get(url.partition(":")[0], ""),
            pycurl.CONNECTTIMEOUT_MS: round(timeouts[0] * 1000),
            pycurl.TIMEOUT_MS: round(sum(timeouts) * 1000),
        }
        self._idle: list[Any] = []

    def post(self, posts: Sequence[Post], headers: Sequence[str]) -> None:
        """Send each and wait for all the answers. Never raises; each post is sent at most once."""
        if self._multi is None or self._suspect or self._ended():
            self._renew()
        waiting = list(reversed(posts))
        flying: dict[Any, Post] = {}
        while waiting or flying:
            while waiting and len(flying) < STREAMS:
                self._start(waiting.pop(), headers, flying)
            self._multi.perform()
            if not self._finish(flying):
                if self._multi.select(LOOK_EVERY) == -1:
                    time.sleep(LOOK_EVERY / 10)
                self._give_up(flying)

    def close(self) -> None:
        """Close the connection."""
        while self._idle:
            self._idle.pop().close()
        self._drop()

    def _renew(self) -> None:
        self._drop()
        self._suspect = False
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)

    def _drop(self) -> None:
        if self._multi is not None:
            self._multi.close()
            self._multi = None
        if self._socket:
            self._socket.close()
            self._socket = None

    def _open(self, _purpose: int, address: Any) -> socket.socket:
        """Make the connection's socket, and keep a handle on it: libcurl has a copy."""
        if self._socket:
            self._socket.close()
        self._socket = socket.socket(address.family, address.socktype, address.protocol)
        return self._socket

    def _ended(self) -> bool:
        """True where the server has hung up. libcurl itself looks only once a second, and would send into the void."""
        if self._socket is None or not hasattr(select, "POLLRDHUP"):
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def _start(self, post: Post, headers: Sequence[str], flying: dict[Any, Post]) -> None:
        curl = self._idle.pop() if self._idle else self._made()
        curl.setopt(pycurl.HTTPHEADER, list(headers))
        curl.setopt(pycurl.POSTFIELDSIZE, len(post.content))
        curl.setopt(pycurl.READFUNCTION, post.read)
        curl.setopt(pycurl.WRITEFUNCTION, post.body.write)
        curl.setopt(pycurl.HEADERFUNCTION, post.headers.append)
        flying[curl] = post
        self._multi.add_handle(curl)

    def _made(self) -> Any:
        curl = pycurl.Curl()
        for option, value in self._options.items():
            curl.setopt(option, value)
        return curl

    def _finish(self, flying: dict[Any, Post]) -> bool:
        """Take in what has ended. Returns whether anything has."""
        _, answered, failed = self._multi.info_read(STREAMS)
        for curl in answered:
            self._done(curl, flying.pop(curl))
        for curl, error, words in failed:
            post = flying.pop(curl)
            post.error, post.words = error, words
            self._suspect = True
            self._done(curl, post)
        return bool(answered or failed)

    def _give_up(self, flying: dict[Any, Post]) -> None:
        """End those whose answer takes too long. (libcurl's own limit counts the waiting for the connection, too.)"""
        now = time.monotonic()
        for curl, post in [*flying.items()]:
            if post.begun and now - post.begun > self._read_timeout:
                self._suspect = True
                post.error, post.words = pycurl.E_OPERATION_TIMEDOUT, f"nothing came within {self._read_timeout:g} s"
                self._done(curl, flying.pop(curl))

    def _done(self, curl: Any, post: Post) -> None:
        self._multi.remove_handle(curl)
        post.status = curl.getinfo(pycurl.RESPONSE_CODE)
        post.seconds = curl.getinfo(pycurl.TOTAL_TIME)
        if post.status and curl.getinfo(pycurl.INFO_HTTP_VERSION) < pycurl.CURL_HTTP_VERSION_2_0:
            self.speaks_http2 = False
        self._idle.append(curl)


def available() -> bool:
    """True where the extra is installed, and the process has real threads: libcurl's waiting would stop all of gevent's."""
    return pycurl is not None and socket.socket.__module__ == "socket"
