"""Live preview: what a message looks like for one person, and what a whole audience makes of it. Nothing is written or sent."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.admin.desk.preview_json import shown_json, survey_json
from dashboard.admin.display.mail_page import mail_page
from dashboard.admin.forms.looked_at import LookedAt, last_values, read_force, read_subject
from dashboard.admin.guard import Page, at
from tasks.audience import segments
from tasks.audience.search import search
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.preview.shown import finished, show
from tasks.preview.survey import CAP, Survey, survey


class Preview(Page):
    """What the preview panel of the composer and of the template editor asks for."""

    role = "editor"

    @at("/", methods=("POST",))
    def index(self) -> ResponseReturnValue:
        """The message as one person gets it, from the form of the page around."""
        looked = LookedAt.read(request.form)
        if not looked.sources:
            return jsonify(empty=True)
        try:
            subject = read_subject(request.form, looked)
        except CarillonError as error:
            return jsonify(error=str(error), field=error.field), 422
        force = read_force(request.form.get("preview-force", ""))
        shown = show(looked.sources, looked.data, subject.fields, force, looked.email_format)
        answer = shown_json(looked, subject, shown)
        if "preview-begin" in request.form:
            answer["last"] = last_values(request.form.get("slug", ""))
        return jsonify(answer)

    @at("/people/")
    def people(self) -> ResponseReturnValue:
        """Whom a few letters may mean."""
        found = search(request.args.get("q", ""))
        return jsonify(people=[{"id": one.external_id, "name": one.name, "country": one.country} for one in found])

    @at("/mail/", methods=("POST",))
    def mail(self) -> ResponseReturnValue:
        """An e-mail's HTML, as this panel was given it, under a policy that lets it do nothing but look."""
        return mail_page(request.form.get("html", ""))

    @at("/audience/", methods=("POST",))
    def audience(self) -> ResponseReturnValue:
        """The longest, shortest and failing texts of the real audience: a line of JSON after each batch."""
        looked = LookedAt.read(request.form)
        if not looked.sources:
            return jsonify(error="There is no text yet."), 422
        if looked.faults:
            field, words = looked.faults[0]
            return jsonify(error=words, field=field), 422
        try:
            where = looked.where()
            lines = survey(finished(looked.sources, looked.email_format), looked.data, where, looked.parts())
            first = next(lines, None)
        except CarillonError as error:
            return jsonify(error=str(error), field=error.field), 422
        db.session.remove()  # nothing of this request holds a connection while the lines go out
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        return Response(_lines(app, looked, first, lines), mimetype="application/x-ndjson")


def _lines(app: Flask, looked: LookedAt, last: Survey | None, rest: Iterator[Survey]) -> Iterator[str]:
    found = last
    while found is not None:
        last = found
        yield _line(survey_json(found))
        with app.app_context():  # the request's own is gone by now; and none stays open while a line is on its way
            found = next(rest, None)
    with app.app_context():
        total = last.seen if last and last.ended else segments.count(looked.draft.target, looked.notification_type)
    yield _line({"done": True, "total": total, "cap": CAP})


def _line(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False) + "\n"
