"""The door: few are let in at a time, in the order of their coming. After a restart all come back within seconds.

Without it all of them get on a little, none is done before its client has lost patience, and the server works for those who have
gone: ten thousand never came back. Who waits has cost next to nothing yet.
"""

import threading
import time

AT_ONCE = 64  # between their coming and their first sync
LONGEST_WAIT = 15.0  # seconds; clients give up after 20, and whoever comes in so late would not be done by then
LONGEST_STAY = 2.0  # seconds that a place is held for who says nothing: it is given to the next then, and the stranger may go on


class Door:
    """Places of those who are being let in, by transport. Safe to use from any thread."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._places = threading.Semaphore(at_once)
        self._guard = threading.Lock()
        self._inside: dict[str, float] = {}

    def enter(self, transport: str) -> bool:
        """Wait for a place, and take it. False where that took too long."""
        if not self._places.acquire(timeout=LONGEST_WAIT):
            return False
        with self._guard:
            self._inside[transport] = time.monotonic()
        return True

    def leave(self, transport: str) -> None:
        """Give the place to the next: it is in, was refused, or has gone. Nothing happens where it has none."""
        with self._guard:
            held = self._inside.pop(transport, None)
        if held is not None:
            self._places.release()

    def hurry(self) -> None:
        """Take the places of those who have held them for too long. Call it about once a second."""
        latest = time.monotonic() - LONGEST_STAY
        with self._guard:
            slow = [transport for transport, since in self._inside.items() if since <= latest]
        for transport in slow:
            self.leave(transport)
