"""Approving a broadcast as a second person, rejecting it, and asking again; each is a button on the broadcast's page."""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import NotFound

from dashboard.admin.display.caught import waiting
from dashboard.admin.display.story import too_late
from dashboard.admin.guard import Page, at
from tasks import ask_again
from tasks.config import settings
from tasks.errors import CarillonError, UnknownBroadcast, WrongState
from tasks.forecast.refusals import PlanMoved
from tasks.models import Broadcast
from tasks.models.words import SCHEDULED
from tasks.safety import approval


class Approvals(Page):
    """The answers to whether a broadcast may go."""

    role = "viewer"
    needs = {"approve": "sender", "reject": "sender", "again": "sender"}

    def is_visible(self) -> bool:
        """Not in a menu: home and the list of broadcasts lead to what waits."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """What waits, the oldest first."""
        return str(self.render("admin/broadcasts/approvals.html", waiting=waiting(), above=settings().approve_above))

    @at("/approve/", methods=("POST",))
    def approve(self) -> ResponseReturnValue:
        """Let it go, exactly as it was looked at."""
        plan, word = request.form.get("plan", ""), request.form.get("word", "").strip()
        return _press(lambda pk: approval.approve(pk, current_user.operator_id, plan, word))

    @at("/reject/", methods=("POST",))
    def reject(self) -> ResponseReturnValue:
        """Turn it down for good."""
        word = request.form.get("word", "").strip()
        return _press(lambda pk: approval.reject(pk, current_user.operator_id, word))

    @at("/again/", methods=("POST",))
    def again(self) -> ResponseReturnValue:
        """Ask for approval of what it would send now."""
        return _press(lambda pk: ask_again.ask_again(pk, current_user.operator_id))


def _press(act: Callable[[int], Broadcast]) -> ResponseReturnValue:
    text = request.form.get("id", "")
    pk = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    kept: dict[str, Any] = {}
    try:
        row = act(pk)
        flash({"queued": "Approved: it starts.", SCHEDULED: "Approved: it goes at its time.",
               "cancelled": "Rejected: nothing of it goes out."}.get(row.state, "Asked again."), "success")
    except UnknownBroadcast:
        raise NotFound("There is no such broadcast.") from None
    except WrongState:
        flash(too_late(pk, current_user.email), "warning")
    except PlanMoved:
        flash("Nothing was approved: it is not what was asked for any more. The page shows it as it is now.", "warning")
    except CarillonError as error:
        flash(str(error), "danger" if error.field != "word" else "warning")
        kept = {"word": request.form.get("word", "")[:approval.LONGEST_WORD], "wrong": error.field}
    return redirect(url_for("admin_broadcasts.details_view", id=pk, **kept))
