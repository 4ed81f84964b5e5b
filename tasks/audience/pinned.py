"""A session that connects to the judged address and nowhere else: no proxy, no redirect to follow, no ~/.netrc."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tasks.audience.ssrf import Destination


def pinned_session(place: Destination) -> requests.Session:
    """A session for the URLs of `place`. The certificate must bear its name; REQUESTS_CA_BUNDLE is honoured."""
    session = requests.Session()
    found = session.merge_environment_settings(place.urls[0], {}, None, None, None)
    session.verify = True if found["verify"] is None else found["verify"]
    session.trust_env = False  # a proxy would resolve the name again; a ~/.netrc would replace our token
    session.mount("https://", _Named(place.host))
    session.mount("http://", HTTPAdapter(max_retries=0))
    return session


class _Named(HTTPAdapter):
    """Connects to an address and checks the certificate against the name."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Tell every connection which name the certificate must bear."""
        super().init_poolmanager(*args, **kwargs, server_hostname=self._host, assert_hostname=self._host)
