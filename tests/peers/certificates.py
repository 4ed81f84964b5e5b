"""A certificate authority of the tests' own, and TLS contexts for the peers."""

import ssl
from pathlib import Path

import trustme

NAMES = ("127.0.0.1", "127.0.0.2", "localhost")


class Authority:
    """A fresh CA. Clients trust it through `file`: SSL_CERT_FILE for OpenSSL, REQUESTS_CA_BUNDLE for requests."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def context(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for these names; by default those of this machine."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(*(names or NAMES)).configure_cert(context)
        return context
