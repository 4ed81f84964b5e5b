"""Erasing a person: what names them goes, the rows that add up stay."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from tasks.audience import traces, waiting_files
from tasks.database import reading, writing
from tasks.errors import UnknownRecipient
from tasks.models import (
    Attempt,
    AuditEntry,
    BroadcastMember,
    Connection,
    Delivery,
    Device,
    ImportMember,
    Notification,
    OptOut,
    Recipient,
    SegmentMember,
)
from tasks.models.notification import TESTS
from tasks.models.types import db_clock, utcnow
from tasks.models.words import CANCELLED, DUE_STATES


def erase(recipient_pk: int, *, actor: str | None = None) -> None:
    """Remove everything that says who a person is, wherever it stands, in one transaction; their id is free for somebody new.

    The emptied row stays as a tombstone, as do notifications and deliveries without their content, so that every total and every
    broadcast's proof still add up. What waits to be sent is cancelled. `actor`: whom the audit names. Raises UnknownRecipient.
    """
    tombstone = f"deleted:{recipient_pk}"
    words = _known(recipient_pk)
    left = traces.find(words, tombstone)  # every table is read once: before anybody has to wait for the lock
    shown, files = _shown_to_operators(words.external_id), waiting_files.naming(words.secrets)
    own = select(Notification.pk).where(Notification.recipient_id == recipient_pk)
    mine = Delivery.notification_id.in_(own)
    with writing() as connection:
        blank = dict.fromkeys(("name", "email", "phone", "locale", "timezone", "country"), "")
        found = connection.execute(
            update(Recipient)
            .where(Recipient.id == recipient_pk, Recipient.deleted_at.is_(None))
            .values(**blank, external_id=tombstone, attributes={}, is_active=False, deleted_at=db_clock())
        ).rowcount
        if not found:
            raise _unknown()
        traces.remove(connection, left)
        waiting_files.drop(connection, files)
        if actor is not None:
            entry = {"actor": actor, "action": "erase", "object_type": "recipient", "object_id": str(recipient_pk)}
            connection.execute(insert(AuditEntry).values(**entry, at=utcnow(), changes={}))
        for table in (Device, OptOut, SegmentMember, ImportMember, BroadcastMember, Connection):
            connection.execute(delete(table).where(table.recipient_id == recipient_pk))
        connection.execute(
            update(Delivery)
            .where(mine, Delivery.state.in_(DUE_STATES), Delivery.broadcast_id.is_(None))
            .values(state=CANCELLED, reason="recipient_deleted", closed_at=db_clock())
        )
        connection.execute(update(Delivery).where(mine).values(detail=""))
        connection.execute(
            update(Attempt)
            .where(Attempt.delivery_id.in_(select(Delivery.pk).where(mine)))
            .values(target="", response="", provider_ref="", device_id=None)
        )
        emptied: dict[str, Any] = {"own_title": "", "own_message": "", "own_data": {}, "recipient_fields": None}
        connection.execute(
            update(Notification).where(Notification.recipient_id == recipient_pk).values(**emptied, deleted_at=db_clock())
        )
        connection.execute(update(Notification).where(Notification.pk.in_(shown)).values(**emptied, deleted_at=db_clock()))


def _shown_to_operators(external_id: str) -> list[int]:
    """The test sends in which an operator got a message as this person would: the operator's, with the person's data."""
    query = select(Notification.pk.label("pk"), Notification.recipient_fields).where(TESTS, Notification.is_trial)
    with reading() as connection:
        return [row.pk for row in connection.execute(query) if (row.recipient_fields or {}).get("id") == external_id]


def _known(recipient_pk: int) -> traces.Words:
    """What names the person. Raises UnknownRecipient where there is none any more."""
    with reading() as connection:
        known = select(Recipient.id).where(Recipient.id == recipient_pk, Recipient.deleted_at.is_(None))
        if connection.execute(known).first() is None:
            raise _unknown()
    return traces.words_of(recipient_pk)


def _unknown() -> UnknownRecipient:
    return UnknownRecipient("There is no such recipient.", field="id", remedy="They may have been deleted already.")
