"""What an asynchronous call gives back at once: ids, the state now, and a way to wait for the end."""

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from tasks import public_id
from tasks.accept import Accepted, Rejected
from tasks.database import reading
from tasks.models import Delivery
from tasks.models.words import IN_APP, QUEUED, SENDING
from tasks.status import overall

LOOK_EVERY = 0.02  # seconds
NOW = or_(Delivery.unless.is_(None), Delivery.state != QUEUED)  # not: an escalation that waits to see whether it is read


@dataclass(frozen=True, slots=True)
class NotificationHandle:
    """One person's message on its way."""

    id: uuid.UUID
    user_id: str
    template_slug: str
    pk: int

    @property
    def status(self) -> str:
        """One word for where it stands now: queued, sending, retrying, sent, failed, ..."""
        with reading() as connection:
            states = connection.execute(
                select(Delivery.state).where(Delivery.notification_id == self.pk, Delivery.channel != IN_APP, NOW)
            ).scalars()
            return overall(list(states))

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait until nothing is queued or in hand any more, at most `timeout` seconds, and say what became of it.

        A delivery that waits for a retry does not hold this up: its status is then `retrying`. Nor does one that rings only if
        the message is not read.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.status) in {QUEUED, SENDING} and (deadline is None or time.monotonic() < deadline):
            time.sleep(LOOK_EVERY)
        return {
            "status": status,
            "notification_id": str(self.id),
            "user_id": self.user_id,
            "template_slug": self.template_slug,
        }


@dataclass(frozen=True, slots=True)
class BulkHandle:
    """Many people's messages on their way."""

    answers: Sequence[Accepted | Rejected]
    template_slug: str

    @property
    def total(self) -> int:
        """How many people the call was for."""
        return len(self.answers)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Those for whom nothing could be recorded: {user_id, reason, detail}, in the order of the call."""
        return [
            {"user_id": answer.recipient_id, "reason": answer.error.code, "detail": str(answer.error)}
            for answer in self.answers
            if isinstance(answer, Rejected)
        ]

    @property
    def status(self) -> str:
        """`running` while something is queued or in hand, then `completed`."""
        states = {state for channel in self._counted(NOW).values() for state in channel}
        return "running" if states & {QUEUED, SENDING} else "completed"

    def deliveries(self) -> dict[str, dict[str, int]]:
        """{channel: {state: count}} as it stands now."""
        return self._counted()

    def _counted(self, *conditions: ColumnElement[bool]) -> dict[str, dict[str, int]]:
        pks = [
            public_id.decode(public_id.NOTIFICATION, answer.notification_id)
            for answer in self.answers
            if isinstance(answer, Accepted)
        ]
        found: dict[str, Counter[str]] = {}
        with reading() as connection:
            for start in range(0, len(pks), 1_000):
                rows = connection.execute(
                    select(Delivery.channel, Delivery.state, func.count())
                    .where(Delivery.notification_id.in_(pks[start : start + 1_000]), *conditions)
                    .group_by(Delivery.channel, Delivery.state)
                )
                for channel, state, count in rows:
                    found.setdefault(channel, Counter())[state] += count
        return {channel: dict(states) for channel, states in found.items()}

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait as `NotificationHandle.result` does; then the totals, the failures by reason, and the deliveries' states.

        A success is a person whose message is on record and in the inbox; what the outside channels did with it is in
        `deliveries`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.status) == "running" and (deadline is None or time.monotonic() < deadline):
            time.sleep(LOOK_EVERY)
        return {**self.summary(), "status": status}

    def summary(self) -> dict[str, Any]:
        """The totals now, without waiting."""
        failures = self.failures
        return {
            "status": "completed",
            "success_count": self.total - len(failures),
            "failure_count": len(failures),
            "total": self.total,
            "failures": failures,
            "failures_by_reason": dict(Counter(entry["reason"] for entry in failures)),
            "deliveries": self.deliveries(),
        }
