"""Which web pages may open a socket: those of this site, and those of the configured origins."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from tasks.config import Settings


def origin_check(config: Settings) -> Callable[[str, Mapping[str, str]], bool]:
    """A check of (the Origin header, the WSGI environment), for requests that have one: browsers always send it.

    Always a function: engine.io takes an empty list for "do not check" and a star for "everybody".
    """
    listed = {_normal(origin) for origin in (*config.allowed_origins, config.base_url)} - {""}

    def check(origin: str, environ: Mapping[str, str]) -> bool:
        # Behind a proxy ProxyFix has put the outer scheme and host here, where CARILLON_TRUST_PROXY says so.
        own = f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}".lower()
        return origin in listed or (origin == own and bool(environ.get("HTTP_HOST")))

    return check


def _normal(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme in {"http", "https"} and parts.netloc else ""
