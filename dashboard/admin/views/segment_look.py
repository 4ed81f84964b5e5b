"""What the segment form asks while it is written: who matches, what saving would change, and who had a message lately."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from dashboard.admin.display.assets import mask_any
from dashboard.admin.display.times import ago
from dashboard.admin.guard import Page, at
from tasks.audience.look import change, look, overlap
from tasks.audience.tally import Tally
from tasks.errors import InvalidAudience
from tasks.extensions import db
from tasks.models import Segment
from tasks.models.types import AnyRow

MOST_DAYS = 365


class SegmentLook(Page):
    """Answers in JSON: {counts, about, share} of a tally, with people whose addresses are masked; or {error, field}."""

    role = "editor"

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to the form."""
        return False

    @at("/", methods=("POST",))
    def look(self) -> ResponseReturnValue:
        """How many people a definition means now, and a dozen of them."""
        return _answer(lambda: self._look(_definition()))

    @at("/change/", methods=("POST",))
    def change(self) -> ResponseReturnValue:
        """Who would enter and who would leave if a definition were saved in place of the known one."""
        segment = _segment()
        if segment is None:
            raise NotFound("There is no such segment.")
        return _answer(lambda: self._change(segment))

    @at("/overlap/", methods=("POST",))
    def overlap(self) -> ResponseReturnValue:
        """How many of its people had one of the broadcasts of the last days."""
        return _answer(lambda: self._overlap(_segment()))

    def _look(self, definition: object) -> dict[str, Any]:
        found = look(definition)
        return {**_said(found.tally), "people": _people(found.people)}

    def _change(self, segment: Segment) -> dict[str, Any]:
        found = change(segment, _definition())
        return {**_said(found.tally), "entering": _people(found.entering), "leaving": _people(found.leaving)}

    def _overlap(self, segment: Segment | None) -> dict[str, Any]:
        days = _body().get("days")
        if not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
            raise InvalidAudience("This is no number of days.", field="days", remedy=f"Give 1 to {MOST_DAYS}.")
        definition = _body().get("definition")
        found = overlap(segment, definition, days)
        return {**_said(found.tally), "broadcasts": [
            {"name": str(row), "url": url_for("admin_broadcasts.details_view", id=row.pk), "when": ago(row.started_at)}
            for row in found.broadcasts if row.started_at is not None
        ]}


def _answer(make: Callable[[], dict[str, Any]]) -> ResponseReturnValue:
    try:
        return jsonify(make())
    except InvalidAudience as error:
        return jsonify(error=f"{error.detail} {error.remedy}".strip(), field=error.field)


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _definition() -> object:
    definition = _body().get("definition")
    if not isinstance(definition, dict):
        raise InvalidAudience("This is not a JSON object yet.", remedy="Compare it with the example.")
    return definition


def _segment() -> Segment | None:
    text = request.args.get("id", "")
    return db.session.get(Segment, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _said(found: Tally) -> dict[str, Any]:
    about = [found.about(place) for place in range(len(found.counts))]
    return {"counts": found.counts, "about": about, "share": found.share}


def _people(rows: Sequence[AnyRow] | None) -> list[dict[str, str]] | None:
    if rows is None:
        return None
    return [
        {
            "id": row.external_id, "name": row.name, "address": mask_any(row.email or row.phone), "country": row.country,
            "url": url_for("admin_recipients.details_view", id=row.id),
        }
        for row in rows
    ]
