"""Notifications: what people see in their inbox. Read only: what was sent was sent."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import BROADCAST_OF_MESSAGE, RECIPIENT, SINCE, TEMPLATE, TEST, TYPE, UNTIL
from dashboard.admin.lists.log_listing import LogListing
from tasks.explain import explain
from tasks.extensions import db
from tasks.models import Delivery, Notification, TemplateVersion

MOST_COPIES = 50


class Notifications(LogListing):
    """The list of messages, and one page each."""

    word = "notification"
    intro = "One line for each person and message, newest first, with the channels it went out on."
    empty = ("Nothing was sent yet", "As soon as a program or a broadcast sends, every message has its line here.")
    can_view_details = True
    details_template = "admin/notifications/details.html"
    columns = Columns(Notification.pk, Notification.created_at)
    filters = (RECIPIENT, TEMPLATE, TYPE, BROADCAST_OF_MESSAGE, TEST, SINCE, UNTIL)
    column_list = ("created_at", "title", "user", "deliveries", "read_at")
    column_labels = {"created_at": "Time", "title": "Message", "user": "Recipient", "deliveries": "Channels", "read_at": "Inbox"}
    column_formatters = {
        "created_at": cell("created"), "title": cell("notification_title"), "user": cell("notification_person"),
        "deliveries": cell("notification_channels"), "read_at": cell("notification_read"),
    }

    def query(self) -> Select[Any]:
        """Messages with their people, templates and deliveries."""
        return select(Notification).options(
            joinedload(Notification.user), joinedload(Notification.broadcast), selectinload(Notification.deliveries),
            joinedload(Notification.template_version).joinedload(TemplateVersion.template),
        )

    def details(self, row: Notification) -> Mapping[str, Any]:
        """Its deliveries by channel, and what became of every channel, in words."""
        own = db.session.scalars(select(Delivery).where(Delivery.notification_id == row.pk))
        found = explain(row.id)
        copies = select(Notification).where(Notification.resent_from == row.pk).order_by(Notification.pk).limit(MOST_COPIES)
        return {
            "deliveries": {one.channel: one for one in own}, "channels": found["channels"] if found else [],
            "copies": list(db.session.scalars(copies)),
        }
