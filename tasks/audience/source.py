"""The outside user source: pages of people over HTTP, from the address the operator configured and nowhere else.

GET <USER_SOURCE_URL> with `Authorization: Bearer <USER_SOURCE_TOKEN>` answers `{"recipients": [...], "next": ...}`. Instead of
"recipients" the list may be called "users", "items" or "results". Its entries are people as in a send request; keys we do not
know are passed over. "next" is null after the last page, else a cursor, sent back as `?page=<cursor>`, or a link on the same
scheme, host and port (it begins with https://, http:// or ?, or is a path with a query).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin

from tasks.audience.download import download, source_failed
from tasks.audience.ssrf import UnsafeUrl, destination, origin, split_url
from tasks.config import Settings

SOURCE = {"source": "http"}  # the audience that means it
LISTS = ("recipients", "users", "items", "results")


@dataclass(frozen=True, slots=True)
class SourcePage:
    """One page: people for `describe(..., strict=False)`, which says what is wrong with a bad one; and the next page's cursor.

    `next` is None after the last page.
    """

    people: tuple[Any, ...]
    next: str | None


def is_source(definition: object) -> bool:
    """True where an audience means the outside user source."""
    return definition == SOURCE or (isinstance(definition, Mapping) and definition.get("include") == SOURCE)


def fetch(config: Settings, cursor: str | None) -> SourcePage:
    """Ask the configured source for the page at `cursor` (None: the first), once: trying again is the caller's.

    Raises SourceFailed; its `extra` has `temporary` (may trying again help?) and `retry_after` (seconds, or None).
    """
    if not config.user_source_url:
        raise source_failed("There is no user source.", "Set CARILLON_USER_SOURCE_URL to its address.")
    try:
        place = destination(_page_url(config.user_source_url, cursor), private=config.user_source_private)
    except UnsafeUrl as error:
        raise source_failed(f"The user source's address is refused: {error}.", "Its rules: tasks/audience/ssrf.py.") from None
    except (OSError, UnicodeError) as error:
        raise source_failed(f"The user source has no address: {error}.", "Check its name.", temporary=True) from None
    return _read(download(place, config.user_source_token), cursor)


def _page_url(base: str, cursor: str | None) -> str:
    """The URL of a page. A link is followed only within the configured scheme, host and port."""
    parts = split_url(base)
    if not cursor:
        return base
    if cursor.startswith(("https://", "http://", "//", "?")) or (cursor.startswith("/") and "?" in cursor):
        url = urljoin(base, cursor)
        if "\\" in cursor or origin(split_url(url)) != origin(parts):
            raise UnsafeUrl("its next link leads to another host")
        return url
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "page"]
    return parts._replace(query=urlencode([*query, ("page", cursor)])).geturl()


def _read(body: bytes, cursor: str | None) -> SourcePage:
    try:
        found = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise source_failed("The user source's answer is no JSON.", "Let it answer as tasks/audience/source.py says.") from None
    if not isinstance(found, Mapping):
        found = {}
    people = next((found[name] for name in LISTS if isinstance(found.get(name), list)), None)
    if people is None:
        raise source_failed("The user source's answer holds no list of people.", f"Call the list one of {', '.join(LISTS)}.")
    following = found.get("next")
    if isinstance(following, bool) or not isinstance(following, str | int | None):
        raise source_failed('The user source\'s "next" is no cursor.', "Let it be text, a number or null.")
    after = None if following in (None, "") else str(following)
    if after is not None and after == cursor:
        raise source_failed("The user source's page leads to itself.", "Let its last page have a next of null.")
    return SourcePage(tuple(people), after)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
