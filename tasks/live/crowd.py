"""Who is connected to this process: listeners by connection and by person. Safe to use from any thread."""

import threading
from collections.abc import Collection, Iterable

from tasks.live.listener import Listener


class Crowd:
    """The listeners of one web process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._listeners: dict[str, Listener] = {}
        self._people: dict[int, dict[str, Listener]] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def get(self, sid: str) -> Listener | None:
        """The listener of a connection, or None."""
        return self._listeners.get(sid)

    def add(self, listener: Listener) -> None:
        """Take a connection in."""
        with self._guard:
            self._listeners[listener.sid] = listener
            self._people.setdefault(listener.recipient_id, {})[listener.sid] = listener

    def remove(self, sid: str) -> None:
        """Let a connection go; nothing happens where it is gone already."""
        with self._guard:
            listener = self._listeners.pop(sid, None)
            if listener is not None:
                mine = self._people[listener.recipient_id]
                del mine[sid]
                if not mine:
                    del self._people[listener.recipient_id]

    def everyone(self) -> list[Listener]:
        """All listeners, as of now."""
        with self._guard:
            return list(self._listeners.values())

    def people(self) -> set[int]:
        """Everybody who has a connection here."""
        with self._guard:
            return set(self._people)

    def among(self, recipient_ids: Iterable[int]) -> set[int]:
        """Those of these people who have a connection here."""
        with self._guard:
            return self._people.keys() & set(recipient_ids)

    def connections(self, recipient_id: int) -> int:
        """How many connections a person has here."""
        return len(self._people.get(recipient_id, ()))

    def ready(self, recipient_ids: Collection[int], *, for_changes: bool = False) -> dict[int, list[Listener]]:
        """The listeners of these people that have had their first sync. The others are left out, and will know."""
        ready = _ready_for_changes if for_changes else _ready_for_news
        with self._guard:
            found = {
                person: [listener for listener in self._people.get(person, {}).values() if ready(listener)]
                for person in recipient_ids
            }
        return {person: listeners for person, listeners in found.items() if listeners}


# First the note, then the second look: who gives a listener its place looks for the note afterwards.


def _ready_for_news(listener: Listener) -> bool:
    if listener.place is None:
        listener.missed_news = True
    return listener.place is not None


def _ready_for_changes(listener: Listener) -> bool:
    if listener.place is None:
        listener.missed_changes = True
    return listener.place is not None
