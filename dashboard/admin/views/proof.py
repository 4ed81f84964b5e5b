"""The proof of a broadcast as a page that can be printed, and the export that a sceptic checks without Carillon."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from dashboard.admin.display.progress import progress
from dashboard.admin.guard import Page, at
from dashboard.pieces import pieces
from tasks.extensions import db
from tasks.models import Broadcast
from tasks.proof import export, prove

AT_ONCE = 50_000  # deliveries that are read when the page is opened; more only when asked for: every row is read
NUMBER_WORDS = {
    "audience": "people in the audience", "people_with_rows": "people with rows", "repeated": "rows too many",
    "sent": "called sent", "without_acceptance": "without a provider's word", "called_otherwise": "called otherwise",
    "pushes_that_reached_some_devices": "pushes that reached some devices", "accepted_twice": "accepted twice",
    "rounds": "rounds in all", "sent_again": "sent again",
}


class ProofPage(Page):
    """What the rows of a broadcast say, clause by clause."""

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to its broadcast."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The page. Of a very large broadcast it is made only when asked for (`make`)."""
        row = _broadcast()
        far = progress(row)
        made = prove(row.pk) if far.total <= AT_ONCE or request.args.get("make") else None
        return str(self.render(
            "admin/broadcasts/proof.html", row=row, progress=far, proof=made, number_words=NUMBER_WORDS,
            script=url_for("static", filename="check_proof.py"),
        ))

    @at("/rows/")
    def rows(self) -> ResponseReturnValue:
        """The deliveries, line by line, for static/check_proof.py. With `anonymous` no ids of people stand in it."""
        row, anonymous = _broadcast(), request.args.get("anonymous") == "1"
        name = f"proof-{row.id}{'-anonymous' if anonymous else ''}.ndjson"
        lines = ("".join(lot) for lot in pieces(export(row.pk, anonymous=anonymous)))
        return Response(lines, mimetype="application/x-ndjson", headers={"Content-Disposition": f"attachment; filename={name}"})


def _broadcast() -> Broadcast:
    text = request.args.get("id", "")
    row = db.session.get(Broadcast, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None:
        raise NotFound("There is no such broadcast.")
    return row
