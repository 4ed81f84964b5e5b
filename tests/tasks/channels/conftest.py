"""The providers' tests speak to loopback whatever proxies and certificates the environment names."""

from collections.abc import Iterator
from functools import cache

import pytest
from google.auth.crypt import RSASigner
from httpx._transports import default as httpx_transports


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take proxies and CA bundles out of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def firebase_is_ready() -> Iterator[None]:
    """A process reads an account's key, and the public CAs of firebase-admin's asynchronous clients that we never use, once.

    Each test makes a provider of its own, and three quarters of its time went into reading both again.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RSASigner, "from_string", staticmethod(cache(RSASigner.from_string)))
        patch.setattr(httpx_transports, "create_ssl_context", cache(httpx_transports.create_ssl_context))
        yield
