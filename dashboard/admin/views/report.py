"""The closing report of a broadcast, to be printed, and the failed as a file."""

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from dashboard import audit
from dashboard.admin.display import failures
from dashboard.admin.display.caught import approval
from dashboard.admin.display.closing import closing
from dashboard.admin.display.failures import trouble
from dashboard.admin.display.progress import progress
from dashboard.admin.guard import Page, at
from dashboard.admin.lists import csv_export
from tasks import rounds
from tasks.extensions import db
from tasks.models import Broadcast


class ReportPage(Page):
    """What became of everybody in the audience."""

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to its broadcast."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The page, made for paper too. It costs the same for ten people as for a million."""
        row = _broadcast(request.args.get("id", ""))
        far = progress(row)
        return str(self.render(
            "admin/broadcasts/report.html", row=row, progress=far, report=closing(far), approval=approval(row, "", ""),
            rounds=rounds.history(row.pk) if row.round > 1 else [], **trouble(row, far),
        ))

    @at("/failed/", methods=("POST",))
    def failed(self) -> Response:
        """The deliveries that failed, bounced or are in doubt, as CSV. That somebody took them is in the audit."""
        row = _broadcast(request.form.get("id", ""))
        audit.record("export", "broadcast", row.pk, {"rows": [None, "failed"]})
        db.session.commit()
        return csv_export.answer(f"failed-{row.id}.csv", failures.HEADER, failures.rows(row.pk))


def _broadcast(text: str) -> Broadcast:
    row = db.session.get(Broadcast, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None:
        raise NotFound("There is no such broadcast.")
    return row
