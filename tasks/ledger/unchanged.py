"""How long a value in the database has stood still, by the clock of who looks at it.

A wall clock may be stepped by hours, the database's too; and who could not look for a while must not take that for silence.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

GAP = 20.0  # seconds between two looks; after a longer one all counting begins anew


class Unchanged:
    """Watches values by their keys. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._guard = clock, threading.Lock()
        self._seen: dict[Hashable, tuple[Any, float]] = {}
        self._looked = clock()

    def look(self, values: Mapping[Any, Any]) -> dict[Any, float]:
        """Take note of all values there are now. Returns for each key the seconds for which its value has been the same."""
        with self._guard:
            now = self._clock()
            before = self._seen if now - self._looked <= GAP else {}
            self._looked = now
            self._seen = {
                key: before[key] if key in before and before[key][0] == value else (value, now) for key, value in values.items()
            }
            return {key: now - since for key, (_, since) in self._seen.items()}
