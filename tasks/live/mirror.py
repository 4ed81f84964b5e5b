"""What a person does on one device, for the others: which changes have been shown here, and which were missed.

News of a change travels as a wake-up and may be lost. So each person's changes are numbered, and every two seconds a web process
compares the numbers in the database with those it knows: for what it missed it tells the devices to look for themselves.
"""

import threading
from collections.abc import Iterable

from sqlalchemy import Connection

from tasks.inbox import REFRESH, Change, changes

YOUNG = 0.5  # seconds that the news itself may take
OLD = 60.0  # seconds after which a change is no news: several sweeps


class Mirror:
    """The changes that one web process knows of. Safe to use from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: dict[int, int] = {}

    def hear(self, news: Iterable[Change]) -> list[Change]:
        """Changes as they are to be shown: as they came, or as a refresh where one before them never came."""
        with self._guard:
            return [self._heard(change) for change in news]

    def missed(self, connection: Connection) -> list[Change]:
        """Changes of anybody that happened and were never heard of here."""
        recent = changes(connection, OLD, YOUNG)
        with self._guard:
            found = [
                Change(person, number, REFRESH, None) for person, number in recent.items() if self._known.get(person, 0) < number
            ]
            self._known = {person: max(number, self._known.get(person, 0)) for person, number in recent.items()}
        return found

    def _heard(self, change: Change) -> Change:
        if not change.number:  # nothing was changed: it says how things stand, and is no part of the count
            return change
        known = self._known.get(change.recipient_id)
        self._known[change.recipient_id] = max(change.number, known or 0)
        gap = known is not None and change.number > known + 1
        return Change(change.recipient_id, change.number, REFRESH, None) if gap else change
