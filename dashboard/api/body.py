"""The JSON that comes in, read strictly: what passes here can be kept by every database and read back the same."""

import json
import math
from codecs import BOM_UTF8
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from tasks.errors import InvalidBody

DEEPEST = 20  # levels of lists and objects
NO_JSON = "Send one JSON object with the header `Content-Type: application/json`."

FLATTER = "Send flatter data."
AS_TEXT = "Send it as text."
ENCODED = "Encode the body as UTF-8, without a byte order mark, and send it uncompressed."
WHOLE_TEXT = "Leave such characters out, or send them in Base64."


class WrongMediaType(InvalidBody):
    """The body is something else than JSON."""

    code = "unsupported_media_type"
    status = 415


class StrictRequest(Request):
    """A request whose JSON is one object of bounded depth, without repeated names, NaN, or text no database keeps."""

    _strict: dict[str, Any] | None = None

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as an object. Raises InvalidBody, also when `silent`: a body is never quietly taken for nothing."""
        if self._strict is None:
            if not force and not self.is_json:
                raise WrongMediaType("The body is not declared as JSON.", field="Content-Type", remedy=NO_JSON)
            self._strict = read_object(self._whole())
        return self._strict

    def _whole(self) -> bytes:
        """The body's bytes. One that comes in chunks is cut at the limit without a word: it is refused here."""
        data = self.get_data(cache=False)
        if self.content_length is None and len(data) >= (self.max_content_length or math.inf):
            raise RequestEntityTooLarge
        return data


def read_object(source: bytes) -> dict[str, Any]:
    """Parse `source`. Raises InvalidBody saying where it is wrong."""
    try:
        found = json.loads(
            source.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except InvalidBody:
        raise
    except json.JSONDecodeError as error:
        where = f"{error.msg}, line {error.lineno}, column {error.colno}"
        remedy = ENCODED if source.startswith(BOM_UTF8) else NO_JSON
        raise _invalid(f"The body is not JSON: {where}.", remedy=remedy) from None
    except UnicodeDecodeError:
        raise _invalid("The body is not UTF-8.", remedy=ENCODED) from None
    except RecursionError:
        raise _invalid(f"The body is nested more than {DEEPEST} levels deep.", remedy=FLATTER) from None
    except ValueError:  # Python refuses whole numbers of more than 4,300 digits
        raise _invalid("A number of the body is too long.", remedy=AS_TEXT) from None
    if not isinstance(found, dict):
        raise _invalid("The body is not a JSON object.")
    _check(found)
    return found


def pointer(*parts: object) -> str:
    """A JSON pointer (RFC 6901) to a place in the body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _check(document: dict[str, Any]) -> None:
    """Walk without recursion: depth, and text that can be stored."""
    rest: list[tuple[Any, tuple[object, ...]]] = [(document, ())]
    while rest:
        value, path = rest.pop()
        if isinstance(value, str):
            if not _storable(value):
                raise _invalid("The text holds a NUL or half a surrogate pair.", pointer(*path), WHOLE_TEXT)
        elif isinstance(value, dict | list):
            if len(path) >= DEEPEST:
                raise _invalid(f"The body is nested more than {DEEPEST} levels deep.", pointer(*path), FLATTER)
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in pairs:
                if isinstance(key, str) and not _storable(key):
                    raise _invalid("A name holds a NUL or half a surrogate pair.", pointer(*path), WHOLE_TEXT)
                rest.append((item, (*path, key)))


def _storable(text: str) -> bool:
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _invalid(f"The name {name[:60]!r} stands twice in one object.", remedy="Give each name once.")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _invalid(f"The number {text[:30]} is too large.", remedy=AS_TEXT)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise _invalid(f"{name} is not JSON.", remedy="Send null, or text.")


def _invalid(detail: str, field: str = "", remedy: str = NO_JSON) -> InvalidBody:
    error = InvalidBody(detail, field=field, remedy=remedy)
    error.code = "invalid_json"
    return error
