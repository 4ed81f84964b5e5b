"""Unsaved versions for the tests of rendering."""

from types import SimpleNamespace
from typing import Any

from tasks.render import PARTS, CompiledVersion, compiled


def draft(**texts: str) -> CompiledVersion:
    """A compiled version of these parts; title and message are short where not given."""
    return compiled(SimpleNamespace(id=None, **{**dict.fromkeys(PARTS, ""), "title": "t", "message": "m", **texts}))


def shown(source: str, data: dict[str, Any] | None = None, recipient: dict[str, Any] | None = None) -> str:
    """What a message prints."""
    return draft(message=source).render(data or {}, recipient or {}).message
