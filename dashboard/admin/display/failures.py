"""What went wrong with a broadcast: grouped by reason with examples for its page, and every row of it for a file."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from dashboard.admin.display.labels import channel_label, reason_words, state_label
from dashboard.admin.display.progress import TROUBLE_STATES, Progress
from tasks import public_id
from tasks.database import reading
from tasks.extensions import db
from tasks.models import Broadcast, Delivery, Notification, Recipient
from tasks.models.delivery import TROUBLE
from tasks.models.types import AnyRow

MOST_REASONS = 20
MOST_TROUBLE = 20_000  # deliveries in trouble that the page looks at: of a million, so many tell the reasons well enough
EXAMPLES = 3  # of each reason
PAGE = 1_000  # rows of the file read at once
HEADER = (
    "recipient", "name", "channel", "state", "reason", "what happened", "provider's words", "provider", "tries", "closed",
    "delivery id",
)


def trouble(row: Broadcast, far: Progress) -> dict[str, Any]:
    """Why deliveries are in trouble, most frequent first, with examples; `sampled`: among how many of very many."""
    if not far.troubled:
        return {"reasons": [], "sampled": 0}
    some = (
        select(Delivery.pk, Delivery.channel, Delivery.state, Delivery.reason)
        .where(TROUBLE, Delivery.broadcast_id == row.pk)  # TROUBLE as it stands: an index holds just these
        .limit(MOST_TROUBLE).subquery()
    )
    kinds, count = (some.c.channel, some.c.state, some.c.reason), func.count().label("count")
    grouped = select(*kinds, count, func.max(some.c.pk).label("latest")).group_by(*kinds).order_by(count.desc())
    found = list(db.session.execute(grouped.limit(MOST_REASONS)))
    return {
        "reasons": [(group, _examples(row.pk, group)) for group in found],
        "sampled": MOST_TROUBLE if far.troubled > MOST_TROUBLE else 0,
    }


def _examples(pk: int, group: AnyRow) -> list[Delivery]:
    query = select(Delivery).where(
        TROUBLE, Delivery.broadcast_id == pk, Delivery.state == group.state, Delivery.channel == group.channel,
        Delivery.reason == group.reason, Delivery.pk <= group.latest,
    )
    with_people = query.options(joinedload(Delivery.notification).joinedload(Notification.user))
    return list(db.session.scalars(with_people.limit(EXAMPLES)))


def rows(broadcast_pk: int) -> Iterator[tuple[object, ...]]:
    """Every delivery of a broadcast that failed, bounced or is in doubt, as HEADER names it: a page at a time, by its index."""
    public_id.prepare()
    columns = (
        Delivery.pk.label("pk"), Recipient.external_id, Recipient.name, Delivery.channel, Delivery.state, Delivery.reason,
        Delivery.detail, Delivery.provider, Delivery.attempt_count, Delivery.closed_at,
    )
    for state in TROUBLE_STATES:
        last = 0
        while True:
            # Only numbers in the page itself: the index alone answers it, whatever stands in the rows.
            page = select(Delivery.pk).where(
                TROUBLE, Delivery.broadcast_id == broadcast_pk, Delivery.state == state, Delivery.pk > last
            ).order_by(Delivery.pk).limit(PAGE)
            with reading() as connection:
                pks = list(connection.execute(page).scalars())
                query = select(*columns).join(Notification, Delivery.notification_id == Notification.pk)
                people = query.join(Recipient, Notification.recipient_id == Recipient.id).where(Delivery.pk.in_(pks))
                found = connection.execute(people.order_by(Delivery.pk)).all() if pks else []
            yield from (_line(one) for one in found)
            if len(pks) < PAGE:
                break
            last = pks[-1]


def _line(row: AnyRow) -> tuple[object, ...]:
    return (
        row.external_id, row.name, channel_label(row.channel), state_label(row.state), row.reason, reason_words(row.reason),
        row.detail, row.provider, row.attempt_count, row.closed_at, public_id.text(public_id.DELIVERY, row.pk),
    )
