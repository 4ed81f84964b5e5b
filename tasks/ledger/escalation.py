"""Escalations: deliveries that wait to see whether the message is read in the app, and ring only where it is not."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, update

from tasks.ledger import counts
from tasks.models import Delivery, Notification
from tasks.models.types import db_clock
from tasks.models.words import DUE_STATES, READ, SKIPPED

SHORTEST, LONGEST = 60, 30 * 86_400  # seconds that a rule may wait for the reader


def wanted() -> ColumnElement[bool]:
    """True for a delivery that is no escalation, or whose message nobody has read, archived or deleted yet."""
    return or_(Delivery.unless.is_(None), ~_seen())


def unwanted() -> ColumnElement[bool]:
    """True for an escalation whose message was read meanwhile."""
    return and_(Delivery.unless == READ, _seen())


def _seen() -> ColumnElement[bool]:
    gone = and_(Notification.deleted_at.is_not(None), ~Notification.is_test)  # a test message is in no inbox from the start
    read = or_(Notification.read_at.is_not(None), Notification.archived_at.is_not(None), gone)
    return exists().where(Notification.pk == Delivery.notification_id, read)


def cancel(connection: Connection, notification_pks: Collection[int], slot: int) -> int:
    """The person has read these messages (at most 1,000): what still waits to escalate is skipped. Returns how many were."""
    rows = connection.execute(
        update(Delivery)
        .where(Delivery.notification_id.in_(notification_pks), Delivery.unless == READ, Delivery.state.in_(DUE_STATES))
        .values(state=SKIPPED, reason=READ, closed_at=db_clock())
        .returning(Delivery.broadcast_id, Delivery.channel)
    ).all()
    counts.add(connection, slot, Counter((broadcast, channel, SKIPPED) for broadcast, channel in rows if broadcast is not None))
    return len(rows)
