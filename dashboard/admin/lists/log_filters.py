"""The filters that the notifications' list and the delivery log share."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from flask import flash, request
from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from dashboard.admin.display.times import parse_local
from dashboard.admin.lists.filters import Filter, FilterError, Ids, Options
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.moments import first_id_at
from tasks import public_id
from tasks.extensions import db
from tasks.models import Broadcast, Delivery, Notification, Recipient, Template, TemplateVersion
from tasks.models.notification import TESTS

SUGGESTED = 300  # template slugs and types offered while typing
FEW = 2_000  # messages that are named one by one
MOST_PEOPLE = 100  # who share one e-mail address or phone number
SLACK = timedelta(minutes=10)  # between the clocks of a broadcast's own moments and of its rows


def of_person(text: str) -> ColumnElement[bool]:
    """Messages of the person with this id of the caller's, or of those with this e-mail address or phone number."""
    found = select(Recipient.id).where(by_address(text)).limit(MOST_PEOPLE)
    return Notification.recipient_id.in_(list(db.session.scalars(found)))


def by_address(text: str) -> ColumnElement[bool]:
    """People of exactly this id, e-mail address or phone number: an index serves each."""
    return or_(Recipient.external_id == text, Recipient.email == text, Recipient.email == text.lower(), Recipient.phone == text)


class _Made:
    """Messages that a template, or the templates of a type, made. A message keeps the version that it was made with."""

    def __init__(self, column: InstrumentedAttribute[str]) -> None:
        self._column = column

    def where(self, text: str) -> ColumnElement[bool]:
        """The condition on messages: by their own numbers where they are few, as no planner sees that they are."""
        few = self._few(text)
        return Notification.template_version_id.in_(self._versions(text)) if few is None else Notification.pk.in_(few)

    def is_narrow(self, text: str) -> bool:
        """True where they are few."""
        return self._few(text) is not None

    def _few(self, text: str) -> list[int] | None:
        """The messages, where there are at most FEW."""
        made = Notification.template_version_id.in_(self._versions(text))
        found = list(db.session.scalars(select(Notification.pk).where(made).limit(FEW + 1)))
        return found if len(found) <= FEW else None

    def within(self, text: str, columns: Columns) -> Ids:
        """No message is older than the oldest version that it can be made from."""
        oldest = db.session.scalar(
            select(func.min(TemplateVersion.created_at)).where(TemplateVersion.id.in_(self._versions(text)))
        )
        return (first_id_at(columns, oldest - SLACK), None) if oldest else (0, 0)

    def _versions(self, text: str) -> list[int]:
        query = select(TemplateVersion.id).join(TemplateVersion.template).where(self._column == text)
        return list(db.session.scalars(query))


def broadcast_of(text: str) -> Broadcast | None:
    """The broadcast with this number, or public id. Raises FilterError for what is neither."""
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return db.session.get(Broadcast, int(text))
    try:
        pk = public_id.decode(public_id.BROADCAST, UUID(text))
    except ValueError:
        raise FilterError("it is a number, like 12, or a public id") from None
    return db.session.get(Broadcast, pk) if pk is not None else None


def _of_broadcast(model: type[Delivery | Notification]) -> Callable[[str], ColumnElement[bool]]:
    def where(text: str) -> ColumnElement[bool]:
        found = broadcast_of(text)
        return model.broadcast_id == found.pk if found else false()

    return where


def _while_written(text: str, columns: Columns) -> Ids:
    """A broadcast's rows are written between its beginning and the end of its fan-out."""
    found = broadcast_of(text)
    if found is None:
        return 0, 0
    # A later round may write a message anew: it stands in the inbox's order, and its deliveries stay where they were.
    settled = found.expanded_at if columns.key is Delivery.pk or found.round == 1 else None
    low = first_id_at(columns, found.created_at - SLACK)
    return low, first_id_at(columns, settled + SLACK) if settled else None


def template_slugs() -> Options:
    """The templates to choose from."""
    found = select(Template.slug, Template.name).order_by(Template.slug).limit(SUGGESTED)
    return [(slug, name) for slug, name in db.session.execute(found)]


def types() -> Options:
    """The types that templates carry now."""
    found = select(Template.notification_type).distinct().order_by(Template.notification_type).limit(SUGGESTED)
    return [(name, name) for name in db.session.scalars(found)]


def _any(_text: str) -> ColumnElement[bool]:
    return true()


def _is_test(text: str) -> ColumnElement[bool]:
    return and_(TESTS, Notification.is_test) if text == "1" else Notification.is_test.is_(False)


RECIPIENT = Filter("recipient", "Person", of_person, "text", narrow=True, of_message=True, hint="id, e-mail or phone")
_template, _type = _Made(Template.slug), _Made(TemplateVersion.notification_type)
TEMPLATE = Filter(
    "template", "Template", _template.where, "text", template_slugs, narrow=_template.is_narrow, of_message=True,
    within=_template.within,
)
TYPE = Filter(
    "type", "Type", _type.where, "text", types, narrow=_type.is_narrow, of_message=True, within=_type.within
)
TEST = Filter(
    "test", "Test or real", _is_test, "select", lambda: (("0", "Real"), ("1", "Test")), narrow="1".__eq__, of_message=True
)
BROADCAST, BROADCAST_OF_MESSAGE = (
    Filter("broadcast", "Broadcast", _of_broadcast(model), "text", hint="its number", within=_while_written)
    for model in (Delivery, Notification)
)
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
