"""Webhooks: who is told what became of messages, and how that goes."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from dashboard import audit
from dashboard.admin.forms.fields import ChecksField, Form, line, options, place, yes_no
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.listing import Listing
from tasks import outbox
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import Webhook, WebhookCall
from tasks.outbox import EVENTS
from tasks.webhooks import addresses

RECENT = 20  # calls shown


class WebhookForm(Form):
    """A webhook."""

    url = line("Address", required=True, longest=2_000, css="input--code", hint="https://shop.example.org/carillon")
    description = line("Description", hint="Whose it is, for your colleagues.")
    events = ChecksField("Events", choices=options(EVENTS.items()), default=list(EVENTS))
    is_active = yes_no("Active", default=True, hint="Off: it is told nothing new; what waits goes out when it is on again.")


class Webhooks(Listing):
    """The list of webhooks, and the calls of each."""

    word = "webhook"
    intro = "Services that are told what became of their messages. Calls are signed, and repeated for three days."
    empty = ("No webhooks yet", "A service that wants to know what became of its messages gives an address here.")
    role = edit_role = "admin"
    can_create = can_edit = can_delete = can_view_details = True
    form = WebhookForm
    details_template = "admin/webhooks/details.html"
    create_template = edit_template = "admin/webhooks/form.html"
    audited = ("url", "description", "events", "is_active")
    column_list = ("url", "events", "is_active", "created_at")
    column_labels = {"url": "Address", "is_active": "State", "created_at": "Created"}
    column_formatters = {
        "url": cell("webhook_url"), "events": cell("webhook_events"), "is_active": cell("webhook_state"),
        "created_at": cell("created"),
    }
    column_sortable_list = ("created_at",)
    column_default_sort = ("id", True)

    def details(self, row: Webhook) -> Mapping[str, Any]:
        """Its last calls."""
        calls = select(WebhookCall).where(WebhookCall.webhook_id == row.id).order_by(WebhookCall.id.desc()).limit(RECENT)
        return {"calls": db.session.scalars(calls).all(), "words": EVENTS}

    def warning(self, row: Webhook) -> str:
        """What goes with it."""
        return "What still waits for it goes too."

    def write(self, form: Any, row: Webhook | None) -> Webhook:
        """Change a known one; new ones are made by `_save`, which has a secret to show."""
        assert row is not None
        addresses.check(form.url.data, form.events.data)
        row.url, row.description, row.events = form.url.data, form.description.data or "", form.events.data
        if form.is_active.data and not row.is_active:
            addresses.switch_on(row)
        row.is_active = form.is_active.data
        outbox.forget()
        return row

    def after_save(self, row: Webhook) -> str:
        """Its page."""
        return self._page(row)

    def _save(self, form: Any, row: Webhook | None) -> ResponseReturnValue | None:
        """The answer to the form of a new one is the only page that shows its secret."""
        if row is not None:
            return super()._save(form, row)
        try:
            made, secret = addresses.create(form.url.data, form.events.data, current_user.email, form.description.data or "")
        except CarillonError as error:
            db.session.rollback()
            place(form, error)
            return None
        made.is_active = form.is_active.data
        audit.record("create", self.word, made.id, {"url": ["", made.url]})
        db.session.commit()
        outbox.forget()
        return self._secret(made, secret)

    @at("/rotate/", methods=("POST",))
    def rotate_view(self) -> ResponseReturnValue:
        """Give it a new secret."""
        row: Webhook = self.get_one(request.form.get("id", ""))
        secret = addresses.rotate(row)
        audit.record("rotate", self.word, row.id, {})
        db.session.commit()
        return self._secret(row, secret)

    @at("/test/", methods=("POST",))
    def test_view(self) -> ResponseReturnValue:
        """Call it, to see whether it listens."""
        row: Webhook = self.get_one(request.form.get("id", ""))
        addresses.send_test(row.id)
        flash("A test is on its way. Load the page again in a moment to see what came back.", "success")
        return redirect(self._page(row))

    @at("/replay/", methods=("POST",))
    def replay_view(self) -> ResponseReturnValue:
        """Call it again with an event that is over."""
        row: Webhook = self.get_one(request.form.get("id", ""))
        call = request.form.get("call", "")
        try:
            addresses.replay(int(call) if call.isdecimal() and len(call) < 18 else 0, row.id)
            flash("It is called again with the same event.", "success")
        except CarillonError as error:
            flash(f"{error.detail} {error.remedy}", "error")
        return redirect(self._page(row))

    def _page(self, row: Webhook) -> str:
        return str(self.get_url(".details_view", id=row.id))

    def _secret(self, row: Webhook, secret: str) -> str:
        return str(self.render("admin/webhooks/secret.html", row=row, secret=secret))
