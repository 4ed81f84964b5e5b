"""What the providers over HTTP share: a session that sends each request once, and what its failures mean.

SDKs and `requests` like to send again when an answer fails to come. Here a message that may have gone must never go
again by itself: retries are rows of the ledger.
"""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidJSONError, ProxyError, RequestException, TooManyRedirects
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from tasks.channels.base import ChannelError


def session(url: str, connections: int) -> requests.Session:
    """A session for `url` that keeps up to `connections` open and sends every request exactly once.

    Proxies and the CA bundle are read from the environment here, once: per request that costs a quarter of its time,
    and a ~/.netrc would replace our own Authorization header.
    """
    made = requests.Session()
    found = made.merge_environment_settings(url, {}, None, None, None)
    made.proxies = dict(found["proxies"])
    made.verify = True if found["verify"] is None else found["verify"]
    made.trust_env = False
    made.max_redirects = 0  # a redirect would send the message, and the token, once more to somewhere else
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Once(max_retries=0, pool_connections=1, pool_maxsize=connections))
    return made


def not_answered(error: OSError) -> ChannelError:
    """What a request without an answer means: was it surely not sent, or may it have got through?"""
    causes = _causes(error)
    kinds = {type(cause) for cause in causes}
    words = str(causes[-1])
    if ssl.SSLCertVerificationError in kinds:
        return ChannelError(f"Certificate not trusted: {words}", status="configuration", code="certificate")
    if isinstance(error, TooManyRedirects):
        return ChannelError("The provider's address sends us elsewhere.", status="configuration", code="redirect")
    malformed = isinstance(error, ValueError) and not isinstance(error, InvalidJSONError)
    if malformed or not isinstance(error, RequestException):  # a bad URL or header; a CA bundle that is not there
        return ChannelError(f"The request cannot be made: {words}", status="configuration", code="request")
    if isinstance(error, ProxyError) or any(issubclass(kind, ConnectTimeoutError) for kind in kinds):
        return ChannelError(f"No connection to the provider: {words}", code="unreachable")
    return ChannelError(f"Sent, and no answer came: {words}", status="unknown", code="no_reply")


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the provider asks to wait: Retry-After, as seconds or as a date. None where there is none."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what led to it, the innermost last. urllib3 keeps it in `reason`, requests among `args`."""
    chain: list[BaseException] = []
    following: object = error
    while isinstance(following, BaseException) and following not in chain:
        chain.append(following)
        inner = following.reason if isinstance(following, MaxRetryError) else None
        arguments = [argument for argument in following.args if isinstance(argument, BaseException)]
        following = inner or (arguments[-1] if arguments else None) or following.__cause__ or following.__context__
    return chain


def _opened(connection: HTTPConnection, connect: Any) -> None:
    # A connection that breaks while it is being made, TLS included, looks to urllib3 like one that broke after the
    # request. Only the former is safe to send again, so it gets the name of an unmade connection here.
    try:
        connect()
    except (NewConnectionError, ssl.SSLCertVerificationError):
        raise
    except OSError as error:
        raise NewConnectionError(connection, str(error) or type(error).__name__) from error


class _Connection(HTTPConnection):
    def connect(self) -> None:
        _opened(self, super().connect)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        _opened(self, super().connect)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Once(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
