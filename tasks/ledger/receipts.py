"""What came back from the person's own device: in-app deliveries go from sent to delivered, and never back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from tasks import outbox
from tasks.database import reading, writing
from tasks.ledger import counts
from tasks.models import Delivery, Notification
from tasks.models.types import db_clock
from tasks.models.words import DELIVERED, IN_APP, SENT, UNKNOWN

MOST = 1_000  # deliveries of one person confirmed at once, the newest first: a receipt is no reason to walk a whole history


@dataclass(frozen=True, slots=True)
class Span:
    """Messages that a person's device has: those above `after` up to `floor`, and the single ones in `also`."""

    floor: int
    also: frozenset[int] = frozenset()
    after: int = 0


def confirm(spans: Mapping[int, Span], slot: int) -> int:
    """Mark the in-app deliveries of each person's span as delivered, all in one transaction. Returns how many were.

    `spans` by the person's row; `slot` is this process, for the counters of broadcasts.
    """
    with reading() as connection:
        found = [pk for person, span in spans.items() for pk in _waiting(connection, person, span)]
    if not found:
        return 0
    done: Counter[int | None] = Counter()
    with writing() as connection:
        for start in range(0, len(found), MOST):
            # Another process may be confirming the same rows for another device of the same person: leave those to it.
            mine = select(Delivery.pk).where(Delivery.pk.in_(found[start : start + MOST]), Delivery.state == SENT)
            rows = connection.execute(
                update(Delivery)
                .where(Delivery.pk.in_(mine.with_for_update(skip_locked=True).scalar_subquery()))
                .values(state=DELIVERED, receipt_at=db_clock())
                .returning(Delivery.pk, Delivery.broadcast_id)
            ).all()
            done.update(broadcast for _, broadcast in rows)
            outbox.deliveries(connection, {pk: (DELIVERED, "") for pk, _ in rows})
        changes: dict[counts.Key, int] = {}
        for broadcast, count in done.items():
            if broadcast is not None:
                changes[broadcast, IN_APP, SENT] = -count
                changes[broadcast, IN_APP, DELIVERED] = count
        counts.add(connection, slot, changes)
    return done.total()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider learnt later of a delivery: that it is `delivered`, or that it `bounced`, and why."""

    delivery_id: int
    state: str
    reason: str = ""
    detail: str = ""


def settle(receipts: Sequence[Receipt], slot: int) -> list[bool]:
    """Write down providers' receipts, all in one transaction. Returns for each whether it changed anything.

    Only forward: sent or unknown to delivered or bounced. A receipt that comes twice, late or out of order changes nothing.
    """
    done: list[bool] = []
    with writing() as connection:
        for receipt in receipts:
            before = connection.execute(
                select(Delivery.state, Delivery.broadcast_id, Delivery.channel)
                .where(Delivery.pk == receipt.delivery_id, Delivery.state.in_((SENT, UNKNOWN)), Delivery.channel != IN_APP)
                .with_for_update()
            ).first()
            done.append(before is not None)
            if before is None:
                continue
            connection.execute(
                update(Delivery)
                .where(Delivery.pk == receipt.delivery_id)
                .values(state=receipt.state, reason=receipt.reason, detail=receipt.detail[:2_000], lease_token=None,
                        receipt_at=db_clock())
            )
            if before.broadcast_id is not None:
                key = (before.broadcast_id, before.channel)
                counts.add(connection, slot, {(*key, before.state): -1, (*key, receipt.state): 1})
            outbox.deliveries(connection, {receipt.delivery_id: (receipt.state, receipt.reason)})
    return done


def _waiting(connection: Connection, person: int, span: Span) -> list[int]:
    query = (
        select(Delivery.pk)
        .join(Notification, Delivery.notification_id == Notification.pk)
        .where(
            Notification.recipient_id == person,
            Notification.pk > span.after,
            or_(Notification.pk <= span.floor, Notification.pk.in_(span.also)),
            Delivery.channel == IN_APP,
            Delivery.state == SENT,
        )
        .order_by(Notification.pk.desc())
        .limit(MOST)
    )
    return list(connection.execute(query).scalars())
