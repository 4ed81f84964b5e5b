"""The inbox widget, tried out: two devices of one person side by side, and a bell to ring."""

from typing import ClassVar

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from dashboard import keys, tokens
from dashboard.admin.guard import Page, at
from tasks import templates
from tasks.accept import Rejected
from tasks.config import settings
from tasks.entries import SendRequest
from tasks.errors import InvalidOption, UnknownRecipient, UnknownTemplate
from tasks.extensions import db
from tasks.models import ApiKey, Recipient, Template
from tasks.options import SendOptions
from tasks.send import submit

SHOWN = 50  # people and templates to choose from
LIFETIME = 600  # seconds; the widget asks for the next one by itself


class InboxDemo(Page):
    """The demo page. It opens a real person's inbox, and reading there is real: for those who may send."""

    role: ClassVar[str] = "sender"

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The page, for the person of `?person=`, or the first one there is."""
        there = select(Recipient).where(Recipient.is_active, Recipient.deleted_at.is_(None)).order_by(Recipient.id).limit(SHOWN)
        people = list(db.session.scalars(there))
        asked = request.args.get("person", "")
        chosen = _person(asked) if asked else (people[0] if people else None)
        active = select(Template).where(Template.is_active).order_by(Template.slug).limit(SHOWN)
        return str(self.render(
            "admin/inbox_demo/index.html", people=people, person=chosen, asked=asked, key=_key(),
            templates=list(db.session.scalars(active)), base_url=settings().base_url.rstrip("/"),
        ))

    @at("/token/")
    def token(self) -> ResponseReturnValue:
        """What the widget's `token-url` answers."""
        person, key = _person(request.args.get("person", "")), _key()
        if person is None:
            raise UnknownRecipient("There is no such person.", field="person", remedy="Choose another one.")
        if key is None:
            raise InvalidOption("No API key may sign this.", field="key", remedy="Make one with the scope inbox.")
        return jsonify({"token": tokens.issue(key, person.external_id, LIFETIME)[0]})

    @at("/ring/", methods=("POST",))
    def ring(self) -> ResponseReturnValue:
        """Send the person a template, in-app only, with made-up values."""
        person = _person(request.form.get("person", ""))
        found = db.session.scalar(select(Template).where(Template.slug == request.form.get("template", ""), Template.is_active))
        if person is None or found is None or found.current_version is None:
            raise UnknownTemplate("There is no such person or template.", field="template", remedy="Load this page anew.")
        data = {name: name.replace("_", " ") for name in templates.variables(found.current_version)}
        (answer,) = submit([SendRequest(person.external_id)], found.slug, data, SendOptions(channels=()), now=True)
        if isinstance(answer, Rejected):
            raise answer.error
        return jsonify({"id": str(answer.notification_id)})


def _person(external_id: str) -> Recipient | None:
    return db.session.scalar(
        select(Recipient).where(Recipient.external_id == external_id, Recipient.is_active, Recipient.deleted_at.is_(None))
    )


def _key() -> ApiKey | None:
    """A key that may sign subscriber tokens."""
    rows = db.session.scalars(select(ApiKey).where(keys.vouches(), ApiKey.kind == "live").order_by(ApiKey.id.desc()).limit(SHOWN))
    return next((row for row in rows if tokens.SCOPE in row.scopes), None)
