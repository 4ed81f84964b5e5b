"""One page of the user source, off the wire: pinned to a judged address, no redirect, bounded in time and size."""

import time
from collections.abc import Iterator

import requests
from urllib3.exceptions import HTTPError

from tasks.audience.pinned import pinned_session
from tasks.audience.ssrf import Destination
from tasks.errors import SourceFailed

CONNECT, READ, TOTAL = 5.0, 10.0, 30.0  # seconds: to connect, between two bytes, for a whole page
MAX_BYTES = 5_000_000
FIELD = "CARILLON_USER_SOURCE_URL"


def source_failed(detail: str, remedy: str, *, temporary: bool = False, retry_after: float | None = None) -> SourceFailed:
    """The error to raise: `temporary` says whether trying again may help, `retry_after` how many seconds it asked to wait."""
    return SourceFailed(detail, field=FIELD, remedy=remedy, temporary=temporary, retry_after=retry_after)


def download(place: Destination, token: str) -> bytes:
    """GET the place's URL and return the body. Raises SourceFailed (see `source_failed`)."""
    headers = {"Host": place.host_header, "Accept": "application/json", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    problem: Exception | None = None
    with pinned_session(place) as session:
        for url in place.urls:
            try:
                with session.get(url, headers=headers, timeout=(CONNECT, READ), allow_redirects=False, stream=True) as response:
                    _check(response)
                    return b"".join(_body(response))
            except requests.ConnectionError as error:  # the next address may be the one that listens
                problem = error
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                problem = error
                break
    raise source_failed(f"The user source cannot be read: {problem}", "Check that it is up.", temporary=True)


def _check(response: requests.Response) -> None:
    status = response.status_code
    if 300 <= status < 400:
        raise source_failed(f"The user source redirects ({status}).", "Configure the address it redirects to.")
    if status != 200:
        wait = response.headers.get("Retry-After", "")
        raise source_failed(
            f"The user source answers {status}.", "Check its address and CARILLON_USER_SOURCE_TOKEN.",
            temporary=status in (408, 425, 429) or status >= 500, retry_after=float(wait) if wait.isdecimal() else None,
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise source_failed("The user source compresses its answer unasked.", "Switch compression off for this address.")


def _body(response: requests.Response) -> Iterator[bytes]:
    """The answer in the pieces in which it comes, within the limits."""
    size, end = 0, time.monotonic() + TOTAL
    while piece := response.raw.read1(65_536):
        size += len(piece)
        if size > MAX_BYTES:
            raise source_failed(f"The user source's page is larger than {MAX_BYTES} bytes.", "Let it send smaller pages.")
        if time.monotonic() > end:
            raise source_failed("The user source took too long for a page.", "Let it send smaller pages.", temporary=True)
        yield piece
