"""What operators do about one person: their wishes, all that is known of them as a file, and forgetting them."""

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import NotFound

from dashboard import audit
from dashboard.admin.guard import Page, at
from dashboard.pieces import pieces
from tasks.audience.erase import erase
from tasks.audience.export import export
from tasks.audience.preferences import EVERY, Wish, change
from tasks.errors import UnknownRecipient
from tasks.extensions import db
from tasks.models import Recipient
from tasks.models.words import OUTSIDE_CHANNELS

MOST_CHANGES = 1_000


class Person(Page):
    """The buttons of a person's page."""

    role = "editor"
    needs = {"erase_view": "admin"}
    closed = frozenset({"index"})

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to its person."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """Flask-Admin wants one; the person's page is the recipients' own."""
        raise NotFound()

    @at("/preferences/", methods=("POST",))
    def preferences_view(self) -> ResponseReturnValue:
        """Write what was ticked or unticked since the page was shown; what somebody else changed meanwhile stays theirs."""
        row = _known(request.form.get("id", ""))
        before, after = (set(map(_wish, request.form.getlist(name)[:MOST_CHANGES])) - {None} for name in ("was", "out"))
        out, back = ({wish for wish in some if wish is not None} for some in (after - before, before - after))
        changed = change(db.session.connection(), row.id, out=sorted(out), back=sorted(back))
        if changed:
            said = {f"{kind}, {_channel(channel)}": [not is_out, is_out] for (kind, channel), is_out in changed}
            audit.record("opt out or in", "recipient", row.id, said)
        db.session.commit()
        count = len(changed)
        flash(f"{count} {'wish' if count == 1 else 'wishes'} changed." if changed else "Nothing was changed.", "success")
        return redirect(_page(row))

    @at("/export/", methods=("POST",))
    def export_view(self) -> Response:
        """Everything that is known of the person, as JSON."""
        row = _known(request.form.get("id", ""))
        audit.record("export", "recipient", row.id, {})
        pk = row.id
        db.session.commit()
        text = ("".join(lot) for lot in pieces(export(pk)))
        headers = {"Content-Disposition": f"attachment; filename=person-{pk}.json"}
        return Response(text, mimetype="application/json", headers=headers)

    @at("/erase/", methods=("GET", "POST"))
    def erase_view(self) -> ResponseReturnValue:
        """Asks for the person's id in letters; then forgets them."""
        row = _known(request.values.get("id", ""))
        typed = request.form.get("typed", "").strip()
        if request.method == "GET":
            return str(self.render("admin/recipients/erase.html", row=row, error="", typed=""))
        if typed != row.external_id:
            error = "This is not the person's id. Type it exactly as it stands above." if typed else "Type the person's id."
            return str(self.render("admin/recipients/erase.html", row=row, error=error, typed=typed)), 422
        pk, back = row.id, _page(row)
        db.session.rollback()
        try:
            erase(pk, actor=current_user.email)
        except UnknownRecipient:  # somebody was faster
            flash("Somebody erased this person a moment ago.", "warning")
            return redirect(back)
        flash("Erased. What was sent is still counted; nothing says any more to whom.", "success")
        return redirect(back)


def _known(text: str) -> Recipient:
    row = db.session.get(Recipient, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None or row.deleted_at is not None:
        raise NotFound("There is no such person, or they were erased.")
    return row


def _wish(text: str) -> Wish | None:
    """`channel type` as the page writes it; None for anything else."""
    channel, _, kind = text.partition(" ")
    return (kind, channel) if kind and len(kind) <= 200 and kind.isprintable() and channel in (EVERY, *OUTSIDE_CHANNELS) else None


def _channel(channel: str) -> str:
    return "every channel" if channel == EVERY else channel


def _page(row: Recipient) -> str:
    return url_for("admin_recipients.details_view", id=row.id)
