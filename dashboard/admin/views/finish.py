"""Finish the job: choose by reason who gets a broadcast again. Whoever got it cannot be chosen."""

import uuid

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import NotFound

from dashboard.admin.display.story import too_late
from dashboard.admin.guard import Page, at
from tasks import rounds
from tasks.errors import WrongState
from tasks.extensions import db
from tasks.models import Broadcast
from tasks.models.words import COMPLETED
from tasks.options import SendOptions
from tasks.rounds import Choice, Left

MOST_READ = 50_000  # people: of a larger broadcast the page opens at once, and reads every row only when asked to


class Finish(Page):
    """One more round over what did not get through."""

    role = "sender"

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to its broadcast."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """What could be sent again, with its count, its reason and what to know before."""
        row = _broadcast(request.args.get("id", ""))
        detailed = row.audience_count <= MOST_READ or request.args.get("reasons") == "1"
        left = rounds.choices(row.pk, by_reason=detailed) if row.state == COMPLETED else []
        return self._page(row, left, "")

    @at("/start/", methods=("POST",))
    def start(self) -> ResponseReturnValue:
        """Start a round. A second press, one's own or another's, finds that the page is older than the first one's round."""
        row = _broadcast(request.form.get("id", ""))
        done = redirect(url_for("admin_broadcasts.details_view", id=row.pk))
        if request.form.get("version") != str(row.version):
            flash(too_late(row.pk, current_user.email), "warning")
            return done
        wanted = request.form.getlist("chosen")
        detailed = request.form.get("reasons") == "1"  # as the page had it that was looked at
        left = rounds.choices(row.pk, by_reason=detailed)
        chosen = [Choice(one.channel, one.state, one.reason) for one in left if key_of(one) in wanted]
        if not chosen:
            return self._page(row, left, "Nothing is chosen. Tick who gets it again."), 422
        token, scope = request.form.get("token") or None, f"finish {row.pk} {current_user.operator_id}"
        try:
            options = SendOptions(idempotency_key=token, idempotency_scope=scope, actor=current_user.email)
            found = rounds.finish(row.pk, chosen, current_user.email, options=options)
            flash(f"Round {found.number}: {found.count:,} of them go out again.", "success")
        except WrongState:  # between the look above and now
            flash(too_late(row.pk, current_user.email), "warning")
        return done

    def _page(self, row: Broadcast, left: list[Left], error: str) -> str:
        return str(self.render(
            "admin/broadcasts/finish.html", row=row, left=[(key_of(one), one) for one in left], error=error,
            marked=request.form.getlist("chosen"), posted=request.method == "POST",
            token=request.form.get("token") or uuid.uuid4().hex, detailed=all(one.reason is not None for one in left),
        ))


def key_of(left: Left) -> str:
    """A choice as the form names it."""
    return f"{left.channel} {left.state} {'*' if left.reason is None else left.reason}"


def _broadcast(text: str) -> Broadcast:
    row = db.session.get(Broadcast, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None:
        raise NotFound("There is no such broadcast.")
    return row
