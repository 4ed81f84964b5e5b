"""API keys: made here, shown once, revoked here."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard import rotation
from dashboard.admin.display.labels import CHANNEL_LABELS, SCOPE_WORDS
from dashboard.admin.forms.fields import ChecksField, Form, MomentField, Optional, choice, line, options, place
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.listing import Listing, Question
from dashboard.keys import LIVE, TEST, Limits, create_key
from tasks.config import settings
from tasks.errors import CarillonError, InvalidOption
from tasks.models import ApiKey
from tasks.models.types import utcnow
from tasks.models.words import OUTSIDE_CHANNELS, SCOPES

KINDS = ((LIVE, "Live: sends for real"), (TEST, "Test: nothing leaves"))


class KeyForm(Form):
    """A new key."""

    name = line("Name", required=True, hint="Which service will use it.")
    scopes = ChecksField("What it may do", choices=options((scope, SCOPE_WORDS[scope]) for scope in SCOPES), default=["send"])
    kind = choice("Kind", KINDS, hint="A test key sends to the simulator, whatever is configured.")
    templates = line("Only these templates", hint="Slugs, separated by commas. Empty: all.")
    channels = ChecksField(
        "Channels that it may ring", choices=options((name, CHANNEL_LABELS[name]) for name in OUTSIDE_CHANNELS),
        default=list(OUTSIDE_CHANNELS), description="In-app always rings.",
    )
    rate_per_minute = line("Requests a minute", hint="Empty: as configured.", inputmode="numeric")
    expires_at = MomentField("Expires", [Optional()], description="In your time zone. Empty: never.")

    def limits(self) -> Limits:
        """What the key is held to. Raises InvalidOption."""
        words = (self.templates.data or "").replace(",", " ").split()
        rate = (self.rate_per_minute.data or "").strip()
        if rate and not (rate.isascii() and rate.isdigit() and len(rate) < 8):
            raise InvalidOption("This is no number.", field="rate_per_minute", remedy="Give requests a minute, or nothing.")
        every = set(self.channels.data) == set(OUTSIDE_CHANNELS)
        return Limits(
            test=self.kind.data == TEST, templates=tuple(words) or None, channels=None if every else tuple(self.channels.data),
            rate_per_minute=int(rate) if rate else None,
        )


class Keys(Listing):
    """The list of keys. A key cannot be changed: rotate it, or make another one and revoke the old."""

    word = "API key"
    intro = "How programs prove who they are. A key is shown once, when it is made."
    empty = ("No API key yet", "A program needs a key to send. Make one for each service, so that one can be revoked alone.")
    role = edit_role = "admin"
    needs = {"revoke_view": "admin", "rotate_view": "admin"}
    can_create = True
    form = KeyForm
    asks = True
    create_template = "admin/keys/form.html"
    column_list = ("name", "scopes", "is_active", "last_used_at", "expires_at", "created_at")
    column_labels = {
        "is_active": "State", "scopes": "May", "last_used_at": "Last used", "expires_at": "Expires", "created_at": "Created",
    }
    column_formatters = {
        "name": cell("key_name"), "scopes": cell("key_scopes"), "is_active": cell("key_state"), "last_used_at": cell("key_used"),
        "expires_at": cell("key_expires"), "created_at": cell("created"),
    }
    column_sortable_list = ("name", "last_used_at", "created_at")
    column_default_sort = ("id", True)

    def questions(self, row: ApiKey) -> Sequence[Question]:
        """A live key can be rotated and revoked."""
        if not row.is_active:
            return ()
        text = "Whoever uses it is refused at once, live connections end, and it cannot be switched on again."
        revoke = Question(".revoke_view", "Revoke", "ban", f"Revoke the key “{row.name}”?", text)
        if row.expires_at is not None and row.expires_at <= utcnow():
            return (revoke,)
        text = "A new key with the same rights is made and shown once. The old one works for 24 hours more."
        return Question(".rotate_view", "Rotate", "retry", f"Rotate the key “{row.name}”?", text), revoke

    def _save(self, form: Any, row: Any | None) -> ResponseReturnValue | None:
        """The answer to the form is the only page that ever shows the key."""
        try:
            key, plaintext = create_key(
                form.name.data, form.scopes.data, current_user.email, form.expires_at.data, form.limits()
            )
        except CarillonError as error:
            place(form, error)
            return None
        return self._shown(key, plaintext)

    def _shown(self, key: ApiKey, plaintext: str) -> str:
        return str(self.render("admin/keys/created.html", key=key, plaintext=plaintext, base_url=settings().base_url.rstrip("/")))

    @at("/rotate/", methods=("POST",))
    def rotate_view(self) -> ResponseReturnValue:
        """Make the next key and let this one fade."""
        row: ApiKey = self.get_one(request.form.get("id", ""))
        try:
            return self._shown(*rotation.rotate(row, current_user.email))
        except CarillonError as error:
            flash(str(error), "error")
            return redirect(self.get_url(".index_view"))

    @at("/revoke/", methods=("POST",))
    def revoke_view(self) -> ResponseReturnValue:
        """Switch a key off for good."""
        row: ApiKey = self.get_one(request.form.get("id", ""))
        rotation.revoke(row, current_user.email)
        flash(f"Revoked {row.name}. Whoever uses it is refused from now on.", "success")
        return redirect(self.get_url(".index_view"))
