"""Renders a template's version for people: preview and send make the same calls here.

What a template may say and cost is in tasks.rendering; this is its door.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from tasks.rendering.limits import PARTS
from tasks.rendering.values import plain
from tasks.rendering.version import CompiledVersion, Rendered

__all__ = ["PARTS", "CompiledVersion", "Rendered", "Version", "compiled", "plain", "snapshot"]

CACHED = 256  # compiled versions


class Version(Protocol):
    """What is needed of a version to render it: a TemplateVersion, a row of its columns, or an unsaved draft (id None)."""

    @property
    def id(self) -> Any: ...
    @property
    def title(self) -> Any: ...
    @property
    def message(self) -> Any: ...
    @property
    def sms_text(self) -> Any: ...
    @property
    def email_subject(self) -> Any: ...
    @property
    def email_html(self) -> Any: ...
    @property
    def email_text(self) -> Any: ...


class _Cache:
    """The compiled versions used last. A version never changes; its text is compared since ids differ between databases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Any, CompiledVersion] = OrderedDict()

    def get(self, version: Version) -> CompiledVersion:
        sources = tuple(getattr(version, name) or "" for name in PARTS)
        key = version.id
        with self._lock:
            known = self._known.get(key)
            if known is not None and known.sources == sources:
                self._known.move_to_end(key)
                return known
        made = CompiledVersion(dict(zip(PARTS, sources, strict=True)))
        if key is not None:
            self._keep(key, made)
        return made

    def _keep(self, key: Any, made: CompiledVersion) -> None:
        with self._lock:
            self._known[key] = made
            self._known.move_to_end(key)
            if len(self._known) > CACHED:
                self._known.popitem(last=False)


_cache = _Cache()


def compiled(version: Version) -> CompiledVersion:
    """The compiled form of a version, from memory where it was used lately. Raises InvalidTemplate."""
    return _cache.get(version)


def snapshot(version: CompiledVersion, recipient: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the template reads of this person, to be kept with the message: rendered from it later, the bytes are the same.

    None where it reads nothing. Raises InvalidData.
    """
    return version.read_of(recipient) if version.is_personal else None
