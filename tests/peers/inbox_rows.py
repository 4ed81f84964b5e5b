"""People and messages, written straight into the tables as the sender writes them: what the inbox's tests start from."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from tasks.database import writing
from tasks.models import Broadcast, Delivery, Notification, Recipient, Template, TemplateVersion
from tasks.models.types import utcnow

SLUG = "inbox_test"


def person(external_id: str = "42") -> int:
    """A new recipient's row."""
    with writing() as connection:
        _version(connection)
        return int(connection.execute(insert(Recipient).values(external_id=external_id).returning(Recipient.id)).scalar_one())


def messages(recipient_ids: Sequence[int], title: str = "Hello", **values: Any) -> list[int]:
    """One message for each of these people, in one transaction, with its in-app delivery. Returns their rows."""
    with writing() as connection:
        return write_messages(connection, recipient_ids, title, **values)


def write_messages(connection: Connection, recipient_ids: Sequence[int], title: str = "Hello", **values: Any) -> list[int]:
    """The same in a transaction of the caller's."""
    base = {
        "template_version_id": _version(connection), "title": title, "message": f"{title}!", "data": {"n": 1},
        "created_at": utcnow(), **values,
    }
    rows = [{**base, "recipient_id": recipient} for recipient in recipient_ids]
    statement = insert(Notification.__table__).returning(Notification.__table__.c.id, sort_by_parameter_order=True)
    pks = list(connection.execute(statement, rows).scalars())
    closed = {
        "broadcast_id": values.get("broadcast_id"), "channel": "in_app", "state": "sent", "provider": "socketio", "reason": "",
        "detail": "", "attempt_count": 0, "reap_count": 0, "priority": 5, "created_at": utcnow(), "closed_at": utcnow(),
    }
    connection.execute(insert(Delivery.__table__), [{**closed, "notification_id": pk} for pk in pks])
    return pks


def broadcast(**values: Any) -> int:
    """A broadcast's row, with one text for all where `title` and `message` are given."""
    with writing() as connection:
        base = {"template_version_id": _version(connection), "audience": "all", "audience_label": "all", "data": {}}
        return int(connection.execute(insert(Broadcast).values({**base, **values}).returning(Broadcast.pk)).scalar_one())


def _version(connection: Connection) -> int:
    known = select(TemplateVersion.id).join(Template, TemplateVersion.template_id == Template.id).where(Template.slug == SLUG)
    found = connection.scalar(known)
    if found is not None:
        return int(found)
    template = connection.execute(
        insert(Template).values(slug=SLUG, name="Test", notification_type="test").returning(Template.id)
    ).scalar_one()
    version = insert(TemplateVersion).values(
        template_id=template, number=1, notification_type="test", title="Hello", message="Hello!"
    )
    return int(connection.execute(version.returning(TemplateVersion.id)).scalar_one())
