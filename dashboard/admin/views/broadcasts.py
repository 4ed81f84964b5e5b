"""Broadcasts: the list, one page each with its progress, and the three buttons."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import flash, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from dashboard.admin.display import caught, story
from dashboard.admin.display.closing import closing
from dashboard.admin.display.failures import trouble
from dashboard.admin.display.labels import state_label
from dashboard.admin.display.progress import progress
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.filters import Options, equals
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import SINCE, UNTIL
from dashboard.admin.lists.log_listing import LogListing
from dashboard.admin.overview.providers import down, outages
from tasks import control, rounds
from tasks.errors import WrongState
from tasks.extensions import db
from tasks.models import Broadcast, Notification, TemplateVersion
from tasks.models.words import BROADCAST_STATES


def _states() -> Options:
    return [(state, state_label(state)) for state in BROADCAST_STATES]


class Broadcasts(LogListing):
    """The list of broadcasts and their pages."""

    word = "broadcast"
    intro = "One message to many. Open one to watch it, to stop it, and to see what failed and why."
    empty = ("No broadcast yet", "A broadcast sends one template to an audience: everybody, the subscribers, or a segment.")
    role = "viewer"
    needs = {"pause_view": "sender", "resume_view": "sender", "cancel_view": "sender", "undo_view": "sender"}
    can_view_details = True
    list_template = "admin/broadcasts/list.html"
    details_template = "admin/broadcasts/details.html"
    columns = Columns(Broadcast.pk, Broadcast.created_at)
    filters = (equals("state", "State", Broadcast.state, _states), SINCE, UNTIL)
    column_list = ("name", "state", "how_far", "created_by", "created_at")
    column_labels = {"name": "Broadcast", "how_far": "Progress", "created_by": "By", "created_at": "Created"}
    column_formatters = {
        "name": cell("broadcast_name"), "state": cell("broadcast_state"), "how_far": cell("broadcast_progress"),
        "created_by": cell("broadcast_by"), "created_at": cell("created"),
    }

    def query(self) -> Select[Any]:
        """Broadcasts with their templates."""
        return select(Broadcast).options(joinedload(Broadcast.template_version).joinedload(TemplateVersion.template))

    def get_list(self, *args: Any, **kwargs: Any) -> tuple[None, list[Any]]:
        """The rows of one page, each with its progress."""
        _, rows = super().get_list(*args, **kwargs)
        broken = down() if rows else ()
        for row in rows:
            row.how_far = progress(row, broken)
        return None, rows

    def details(self, row: Broadcast) -> Mapping[str, Any]:
        """Where it stands, what went wrong, and the message as the first of its people got it."""
        far = progress(row, down())
        first = select(Notification).where(Notification.broadcast_id == row.pk).order_by(Notification.recipient_id).limit(1)
        reached = rounds.history(row.pk) if row.round > 1 else []
        return {
            "approval": caught.approval(row, current_user.email, current_user.role), "undo_left": caught.undo_left(row),
            "report": closing(far), "progress": far, "story": story.story(row, far), "outages": outages(far.holds),
            "rounds": reached, "starts": story.place_time(row) if row.send_at else "", "first": db.session.scalar(first),
            **trouble(row, far),
        }

    @at("/progress/")
    def progress_view(self) -> ResponseReturnValue:
        """The progress of one broadcast, as JSON, for the page that watches it without a socket."""
        row = self.get_one(request.args.get("id", ""))
        return jsonify(progress(row, down()).as_json())

    @at("/pause/", methods=("POST",))
    def pause_view(self) -> ResponseReturnValue:
        """Stop it for now."""
        return self._press(control.pause, "Paused. What a provider had in hand still goes out; nothing after it.")

    @at("/resume/", methods=("POST",))
    def resume_view(self) -> ResponseReturnValue:
        """Let it go on; a missed one starts now."""
        return self._press(control.resume, "It goes on.")

    @at("/cancel/", methods=("POST",))
    def cancel_view(self) -> ResponseReturnValue:
        """Stop it for good: asks first, cancels when the answer is part of the request."""
        row = self.get_one(request.form.get("id", ""))
        if request.form.get("confirmed") != "yes":
            return str(self.render("admin/broadcasts/cancel.html", row=row, progress=progress(row)))
        return self._press(control.cancel, "Cancelled. Whatever had not been handed over stays unsent.")

    @at("/undo/", methods=("POST",))
    def undo_view(self) -> ResponseReturnValue:
        """Take it back before anything of it is written."""
        return self._press(control.undo, "Taken back: nothing was written, nothing went out.")

    def _press(self, act: Callable[[int, str], Broadcast], done: str) -> ResponseReturnValue:
        row = self.get_one(request.form.get("id", ""))
        try:
            act(row.pk, current_user.email)
            flash(done, "success")
        except WrongState:
            flash(story.too_late(row.pk, current_user.email), "warning")
        return redirect(self.get_url(".details_view", id=row.pk))
