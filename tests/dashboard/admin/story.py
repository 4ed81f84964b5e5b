"""A small story for the pages to show: a message on every channel, a broadcast, a segment, a device, keys and an audit entry."""

from sqlalchemy import select

from dashboard import audit
from dashboard.keys import create_key
from tasks.extensions import db
from tasks.models import Attempt, Broadcast, BroadcastCount, Delivery, Notification, Recipient, Segment, Template
from tasks.models.types import utcnow
from tasks.models.words import COMPLETED, EMAIL, FAILED, IN_APP, PUSH, SENT, SKIPPED


def tell() -> None:
    """Write it for the first template and the first recipient there are."""
    version = db.session.scalar(select(Template).order_by(Template.id)).current_version
    person = db.session.scalar(select(Recipient).order_by(Recipient.id))
    message = notification(person, version.id, title="Payment of ₹5", message="Thank you.")
    delivery(message, IN_APP, SENT, provider="socketio")
    delivery(message, PUSH, SENT, provider="simulator")
    delivery(message, EMAIL, FAILED, provider="smtp", reason="refused", detail="550 5.1.1 User unknown", tries=2)
    broadcast = Broadcast(
        template_version_id=version.id, audience="all", audience_label="Everybody", state=COMPLETED, audience_count=1,
        created_by="admin@example.org", started_at=utcnow(), expanded_at=utcnow(), finished_at=utcnow(),
    )
    db.session.add_all([broadcast, Segment(slug="all-of-us", name="All of us", definition={"combinator": "and", "rules": []})])
    db.session.flush()
    db.session.add(BroadcastCount(broadcast_id=broadcast.pk, slot=1, channel=PUSH, state=SKIPPED, count=1))
    create_key("Shop", ["send"], "test")
    audit.record("update", "template", version.template_id, {"name": ["Old", "New"]}, actor="test")
    db.session.commit()


def notification(person: Recipient, version_id: int, title: str = "Hello", message: str = "There.", **values) -> Notification:
    """One message of a person."""
    made = Notification(
        recipient_id=person.id, template_version_id=version_id, own_title=title, own_message=message, own_data={}, **values
    )
    db.session.add(made)
    db.session.flush()
    return made


def delivery(message: Notification, channel: str, state: str, *, tries: int = 1, **values) -> Delivery:
    """One delivery of a message, with its attempts."""
    made = Delivery(notification_id=message.pk, channel=channel, state=state, attempt_count=tries, closed_at=utcnow(), **values)
    db.session.add(made)
    db.session.flush()
    for number in range(1, tries + 1):
        db.session.add(Attempt(
            delivery_id=made.pk, number=number, provider=made.provider, target="as…@example.test", response=made.detail,
            outcome="sent" if state == SENT else "permanent", duration_ms=12,
        ))
    db.session.flush()
    return made
