"""JSON as people type it into a form."""

import json
from typing import Any


def read_object(text: str, example: str) -> dict[str, Any]:
    """The object that `text` holds. Raises ValueError with a sentence that says what is wrong, and where."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"This is not JSON at {where}: {error.msg}. Write it like {example}.") from None
    except RecursionError:
        raise ValueError(f"This is nested too deeply. Write it like {example}.") from None
    if not isinstance(found, dict):
        raise ValueError(f"This must be a JSON object. Write it like {example}.")
    return found
