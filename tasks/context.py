"""A send's variables as they are stored: plain, of bounded size, and exactly what the message was rendered from."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks import render
from tasks.errors import InvalidData

LIMIT = 65_536  # bytes of JSON
UNKEPT = re.compile(r"(?<!\\)(?:\\\\)*\\u0000|[\ud800-\udfff]")  # an escaped NUL, a lone surrogate


def plain(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context as JSON values (see `tasks.render.plain`). Raises InvalidData naming what cannot be kept."""
    found = render.plain(context)
    text = json.dumps(found, ensure_ascii=False)
    if UNKEPT.search(text):
        raise InvalidData("data holds a character that no database keeps.", field="data", remedy="Remove NUL and surrogates.")
    if len(text.encode()) > LIMIT:
        raise InvalidData(f"data takes more than {LIMIT} bytes.", field="data", remedy="Send less, or a link to what is large.")
    return found
