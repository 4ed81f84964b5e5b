"""The delivery log: every message on every channel, with what the providers said."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import contains_eager, joinedload

from dashboard.admin.display.labels import CHANNEL_LABELS, reason_words, state_label
from dashboard.admin.display.mail_page import mail_page
from dashboard.admin.display.timeline import timeline
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.exported import Exported
from dashboard.admin.lists.filters import Filter, FilterError, Options, equals
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import BROADCAST, RECIPIENT, SINCE, TEMPLATE, TEST, TYPE, UNTIL
from tasks.as_sent import as_sent, html_of
from tasks.channels import PROVIDERS
from tasks.explain import explain
from tasks.extensions import db
from tasks.models import Attempt, AuditEntry, Delivery, Notification, TemplateVersion
from tasks.models.delivery import DUE, ENDED_BADLY, IN_HAND
from tasks.models.words import (
    BOUNCED,
    CANCELLED,
    DUE_STATES,
    EXPIRED,
    FAILED,
    REASONS,
    SENDING,
    STATES,
    UNKNOWN,
)

RARE = frozenset({FAILED, UNKNOWN, BOUNCED, EXPIRED, CANCELLED})  # an index holds just these
STATE_OF = {
    "render_failed": FAILED, "poison": FAILED, "gave_up": FAILED, "refused": FAILED, "expired": EXPIRED, "cancelled": CANCELLED,
}
MOST_COPIES = 50
MOST_ATTEMPTS = 200  # shown on one page: a person with many devices has one a device and try


def _states() -> Options:
    return [(state, state_label(state)) for state in STATES]


def _channels() -> Options:
    return list(CHANNEL_LABELS.items())


def _reasons() -> Options:
    return list(REASONS.items())


def _providers() -> Options:
    return [(name, name) for name in PROVIDERS]


def _in_state(text: str) -> ColumnElement[bool]:
    """In the words of the partial indexes: SQLite does not see through bound values."""
    if text not in STATES:
        raise FilterError(f"there is no state {text!r}")
    known = {**dict.fromkeys(RARE, ENDED_BADLY), **dict.fromkeys(DUE_STATES, DUE), SENDING: IN_HAND}
    return and_(known[text], Delivery.state == text) if text in known else Delivery.state == text


def _for_reason(text: str) -> ColumnElement[bool]:
    """A reason that goes with one state only is looked for among the rows of that state: an index holds them."""
    return and_(_in_state(STATE_OF[text]), Delivery.reason == text) if text in STATE_OF else Delivery.reason == text


def _with_message(statement: Select[Any]) -> Select[Any]:
    version = joinedload(TemplateVersion.template)
    message = contains_eager(Delivery.notification)
    return statement.join(Delivery.notification).options(
        message.joinedload(Notification.user), message.joinedload(Notification.broadcast),
        message.joinedload(Notification.template_version).options(version),
    )


class Deliveries(Exported):
    """The log, and one page a delivery."""

    word = "delivery"
    intro = "One line for each message and channel, newest first, with what became of it."
    empty = ("Nothing was sent yet", "As soon as a program or a broadcast sends, every delivery has its line here.")
    can_view_details = True
    details_template = "admin/deliveries/details.html"
    columns = Columns(Delivery.pk, Delivery.created_at)
    filters = (
        RECIPIENT, TEMPLATE, TYPE,
        equals("channel", "Channel", Delivery.channel, _channels),
        Filter("state", "State", _in_state, "select", _states, narrow=RARE.__contains__),
        Filter("reason", "Reason", _for_reason, "text", _reasons, narrow=STATE_OF.__contains__),
        equals("provider", "Provider", Delivery.provider, _providers),
        BROADCAST, TEST, SINCE, UNTIL,
    )
    column_list = ("created_at", "channel", "state", "notification", "recipient", "reason", "attempt_count")
    column_labels = {
        "created_at": "Time", "notification": "Message", "reason": "What happened", "attempt_count": "Tries",
    }
    column_formatters = {
        "created_at": cell("created"), "channel": cell("delivery_channel"), "state": cell("delivery_state"),
        "notification": cell("delivery_message"), "recipient": cell("delivery_person"), "reason": cell("delivery_words"),
        "attempt_count": cell("delivery_attempts"),
    }
    csv_columns = (
        ("time", lambda row: row.created_at), ("channel", lambda row: row.channel), ("state", lambda row: row.state),
        ("reason", lambda row: row.reason), ("what happened", lambda row: reason_words(row.reason)),
        ("provider's words", lambda row: row.detail), ("tries", lambda row: row.attempt_count),
        ("provider", lambda row: row.provider), ("recipient", lambda row: row.notification.user.external_id),
        ("title", lambda row: row.notification.title), ("template", lambda row: row.notification.template.slug),
        ("version", lambda row: row.notification.template_version.number),
        ("type", lambda row: row.notification.notification_type), ("broadcast", lambda row: row.broadcast_id),
        ("test", lambda row: row.notification.is_test), ("closed", lambda row: row.closed_at),
        ("delivery id", lambda row: row.id), ("notification id", lambda row: row.notification.id),
    )

    def query(self) -> Select[Any]:
        """Deliveries with their messages, people and templates."""
        return _with_message(select(Delivery))

    def keys(self, chosen: Iterable[Filter]) -> Select[Any]:
        """Their numbers; the messages are looked at only where a filter asks them."""
        query = select(Delivery.pk)
        return query.join(Delivery.notification) if any(one.of_message for one in chosen) else query

    def details(self, row: Delivery) -> Mapping[str, Any]:
        """Its story, the exact texts that went out, and why each channel rang or did not."""
        attempts = select(Attempt).where(Attempt.delivery_id == row.pk).order_by(Attempt.id).limit(MOST_ATTEMPTS)
        same = select(Delivery).where(Delivery.notification_id == row.notification_id, Delivery.pk != row.pk)
        copies = select(Notification).where(Notification.resent_from == row.notification_id).order_by(Notification.pk)
        found, tried = explain(row.notification.id), list(db.session.scalars(attempts))
        return {
            "moments": timeline(row, tried, pressed(row.pk), list(db.session.scalars(copies.limit(MOST_COPIES)))),
            "deliveries": {one.channel: one for one in [*db.session.scalars(same), row]},
            "channels": found["channels"] if found else [], "sent": as_sent(row.notification, row.channel),
        }

    @at("/html/")
    def html_view(self) -> ResponseReturnValue:
        """An e-mail's HTML part, for the frame of its delivery's page."""
        return mail_page(html_of(self.get_one(request.args.get("id", ""))))


def pressed(pk: int) -> list[AuditEntry]:
    """That somebody sent a delivery again."""
    query = select(AuditEntry).where(AuditEntry.object_type == "delivery", AuditEntry.object_id == str(pk))
    return list(db.session.scalars(query.where(AuditEntry.action == "resend").order_by(AuditEntry.id).limit(MOST_COPIES)))
