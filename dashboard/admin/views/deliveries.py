"""The delivery log: every message on every channel, with what the providers said."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import contains_eager, joinedload

from dashboard.admin.display.labels import CHANNEL_LABELS, state_label
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.filters import Options, equals, exact
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import BROADCAST, RECIPIENT, SINCE, TEMPLATE, UNTIL
from dashboard.admin.lists.log_listing import LogListing
from tasks.channels import PROVIDERS
from tasks.extensions import db
from tasks.models import Attempt, Delivery, Notification, TemplateVersion
from tasks.models.words import OPEN_STATES, REASONS, STATES

MOST_ATTEMPTS = 200  # shown on one page: a person with many devices has one a device and try


def _states() -> Options:
    return [(state, state_label(state)) for state in STATES]


def _channels() -> Options:
    return list(CHANNEL_LABELS.items())


def _reasons() -> Options:
    return list(REASONS.items())


def _providers() -> Options:
    return [(name, name) for name in PROVIDERS]


def _with_message(statement: Select[Any]) -> Select[Any]:
    version = joinedload(TemplateVersion.template)
    message = contains_eager(Delivery.notification)
    return statement.join(Delivery.notification).options(
        message.joinedload(Notification.user), message.joinedload(Notification.broadcast),
        message.joinedload(Notification.template_version).options(version),
    )


class Deliveries(LogListing):
    """The log, and one page a delivery."""

    word = "delivery"
    intro = "One line for each message and channel, newest first, with what became of it."
    empty = ("Nothing was sent yet", "As soon as a program or a broadcast sends, every delivery has its line here.")
    can_view_details = True
    details_template = "admin/deliveries/details.html"
    columns = Columns(Delivery.pk, Delivery.created_at)
    filters = (
        equals("state", "State", Delivery.state, _states),
        equals("channel", "Channel", Delivery.channel, _channels),
        exact("reason", "Reason", Delivery.reason, options=_reasons),
        equals("provider", "Provider", Delivery.provider, _providers),
        RECIPIENT, TEMPLATE, BROADCAST, SINCE, UNTIL,
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

    def query(self) -> Select[Any]:
        """Deliveries with their messages, people and templates."""
        return _with_message(select(Delivery))

    def details(self, row: Delivery) -> Mapping[str, Any]:
        """The attempts, and the message's other channels."""
        attempts = select(Attempt).where(Attempt.delivery_id == row.pk).order_by(Attempt.id).limit(MOST_ATTEMPTS)
        same = select(Delivery).where(Delivery.notification_id == row.notification_id, Delivery.pk != row.pk)
        return {
            "attempts": list(db.session.scalars(attempts)), "others": list(db.session.scalars(same.order_by(Delivery.pk))),
            "is_open": row.state in OPEN_STATES,
        }

