"""What clients confirm, gathered for a second and written at once: a receipt is never urgent, and a transaction each would be."""

import threading

from tasks.inbox import Cursor
from tasks.ledger import receipts
from tasks.ledger.processes import current_process_id
from tasks.ledger.receipts import Span
from tasks.live import Listener


class Receipts:
    """The confirmations of one web process that are not written yet. One that is lost is made good by the next connection's."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._spans: dict[int, Span] = {}

    def note(self, listener: Listener, cursor: Cursor) -> None:
        """The client has everything up to `cursor`. Only ever forward."""
        if cursor.floor < listener.acked or (cursor.floor == listener.acked and not cursor.ahead):
            return
        with self._guard:
            known = self._spans.get(listener.recipient_id)
            span = Span(cursor.floor, cursor.ahead, listener.acked)
            self._spans[listener.recipient_id] = span if known is None else _both(known, span)
        listener.acked = cursor.floor

    def write(self) -> None:
        """Write what has come in since the last call."""
        with self._guard:
            spans, self._spans = self._spans, {}
        if spans:
            receipts.confirm(spans, current_process_id())


def _both(one: Span, other: Span) -> Span:
    return Span(max(one.floor, other.floor), one.also | other.also, min(one.after, other.after))
