"""The filters that the notifications' list and the delivery log share."""

from datetime import datetime

from flask import flash, request
from sqlalchemy import ColumnElement, false, select, true

from dashboard.admin.display.times import parse_local
from dashboard.admin.lists.filters import Filter, FilterError, Options
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.moments import first_id_at
from tasks.extensions import db
from tasks.models import Delivery, Notification, Recipient, Template, TemplateVersion

SUGGESTED = 300  # template slugs offered while typing


def of_person(text: str) -> ColumnElement[bool]:
    """Messages of the person with this id of the caller's."""
    pk = db.session.scalar(select(Recipient.id).where(Recipient.external_id == text))
    return Notification.recipient_id == pk if pk is not None else false()


def of_template(text: str) -> ColumnElement[bool]:
    """Messages made from any version of the template with this slug."""
    versions = select(TemplateVersion.id).join(TemplateVersion.template).where(Template.slug == text)
    return Notification.template_version_id.in_(list(db.session.scalars(versions)))


def of_broadcast(text: str) -> ColumnElement[bool]:
    """Deliveries of the broadcast with this number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise FilterError("it is a number, like 12")
    return Delivery.broadcast_id == int(text)


def template_slugs() -> Options:
    """The templates to choose from."""
    found = select(Template.slug, Template.name).order_by(Template.slug).limit(SUGGESTED)
    return [(slug, name) for slug, name in db.session.execute(found)]


def _any(_text: str) -> ColumnElement[bool]:
    return true()


RECIPIENT = Filter("recipient", "Recipient's id", of_person, "text", narrow=True)
TEMPLATE = Filter("template", "Template", of_template, "text", template_slugs)
BROADCAST = Filter("broadcast", "Broadcast", of_broadcast, "text", hint="its number")
SINCE = Filter("since", "From", _any, "moment")
UNTIL = Filter("until", "Until", _any, "moment")


def between(columns: Columns) -> tuple[int, int | None]:
    """The ids [low, high) of the time that the request asks for."""
    since, until = _moment("since"), _moment("until")
    return (
        first_id_at(columns, since) if since else 0,
        first_id_at(columns, until) if until else None,
    )


def _moment(name: str) -> datetime | None:
    text = request.args.get(name, "").strip()
    try:
        return parse_local(text) if text else None
    except (ValueError, OverflowError):
        flash(f"{name.capitalize()}: this is not a time. This filter was left out.", "warning")
        return None
