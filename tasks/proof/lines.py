"""A broadcast's deliveries as lines of text, in one order, one form: what the proof's hash is taken over.

The order is that of the people's rows, then the channel's name. A line is a JSON object without spaces, in ASCII, its names in
the order of `both`, ended by a line feed. In the plain form `person` is the caller's own id and an attempt carries the
provider's reference. The anonymous form is for strangers: `person` is a seal that only this installation can open, another
one in every broadcast, and references are left out. It says nothing that an erasure takes away, so its hash outlives that.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, func, select

from tasks import public_id
from tasks.models import Attempt, Delivery, Notification, Recipient
from tasks.models.types import AnyRow

PAGE = 2_000  # people read at once: memory stays the same however large the audience
ATTEMPT_FIELDS = ("round", "number", "provider", "outcome", "code", "device", "reference")
_encoder = json.JSONEncoder(separators=(",", ":"))
_quoted = json.JSONEncoder().encode  # of a text: the fast way, in ASCII


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery. `attempts`: (round, number, provider, outcome, code, device, the provider's reference), in their order."""

    pk: int
    person_pk: int
    person: str
    channel: str
    state: str
    reason: str
    round: int
    attempts: tuple[tuple[int, int, str, str, str, int | None, str], ...]

    def plain(self) -> str:
        """The line with the caller's own id of the person."""
        return self.both(0)[0]

    def anonymous(self, broadcast_pk: int) -> str:
        """The line for strangers."""
        return self.both(broadcast_pk)[1]

    def both(self, broadcast_pk: int) -> tuple[str, str]:
        """The plain and the anonymous line: what they have in common is written once."""
        start = f'{{"delivery":"{public_id.encode(public_id.DELIVERY, self.pk)}","person":'
        middle = f',"channel":{_quoted(self.channel)},"state":{_quoted(self.state)},"reason":{_quoted(self.reason)}'
        middle += f',"round":{self.round},"attempts":'
        sealed = public_id.encode(b"p" + broadcast_pk.to_bytes(8, "big"), self.person_pk)
        named = hidden = _encoder.encode(self.attempts) if self.attempts else "[]"
        if any(attempt[6] for attempt in self.attempts):
            hidden = _encoder.encode([(*attempt[:6], "") for attempt in self.attempts])
        return (
            f"{start}{_quoted(self.person)}{middle}{named}}}\n",
            f'{start}"{sealed}"{middle}{hidden}}}\n',
        )


def read(connection: Connection, broadcast_pk: int) -> Iterator[Line]:
    """Every delivery of a broadcast, a page of people at a time. Give it a snapshot, or the pages are of different moments."""
    after = 0
    while True:
        people = (
            select(Notification.pk.label("pk"), Notification.recipient_id)
            .where(Notification.broadcast_id == broadcast_pk, Notification.recipient_id > after)
            .order_by(Notification.recipient_id)
            .limit(PAGE)
            .subquery("people")
        )
        last = connection.scalar(select(func.max(people.c.recipient_id)))
        if last is None:
            return
        rows = connection.execute(
            select(
                Delivery.pk.label("pk"), people.c.recipient_id, Recipient.external_id, Delivery.channel, Delivery.state,
                Delivery.reason, Delivery.round, Attempt.round, Attempt.number, Attempt.provider, Attempt.outcome, Attempt.code,
                Attempt.device_id, Attempt.provider_ref,
            )
            .select_from(people)
            .join(Recipient, Recipient.id == people.c.recipient_id)
            .join(Delivery, Delivery.notification_id == people.c.pk)
            .outerjoin(Attempt, Attempt.delivery_id == Delivery.pk)
            .order_by(people.c.recipient_id, Delivery.channel, Attempt.id)
        ).all()
        for _, of_one in groupby(rows, key=lambda row: row[0]):
            yield _line(list(of_one))
        after = last


def _line(rows: list[AnyRow]) -> Line:
    first = rows[0]
    attempts = () if first[7] is None else tuple(tuple(row[7:14]) for row in rows)
    return Line(first[0], first[1], first[2], first[3], first[4], first[5], first[6], attempts)
