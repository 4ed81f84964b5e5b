"""Files of people: uploaded, their columns chosen, every row checked, and only then written, while a bar shows how far it is."""

from collections.abc import Iterator
from typing import Any

from flask import Response, flash, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound

from dashboard import audit, auth
from dashboard.admin.display.imports import ENDED, KIND_WORDS, TARGET_WORDS, as_json, story
from dashboard.admin.guard import Page, at
from dashboard.admin.lists import csv_export
from dashboard.pieces import TOGETHER
from tasks import jobs
from tasks.audience.table import DELIMITERS
from tasks.errors import CarillonError, InvalidImport, WrongState
from tasks.extensions import db
from tasks.imports import uploads
from tasks.imports.columns import WINDOWS
from tasks.models import Import, ImportFault, Segment

MOST, FEW, LISTS = 50, 20, 500  # imports listed, bad rows shown, lists offered
ENCODINGS = (("utf-8-sig", "UTF-8"), (WINDOWS, "Windows-1252, as older spreadsheets save"), ("utf-16", "UTF-16"))
auth.uploads["admin_imports.upload"] = uploads.LARGEST + (1 << 20)


class Imports(Page):
    """The pages of imports."""

    role = "editor"

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The latest imports."""
        latest = select(Import).options(joinedload(Import.segment)).order_by(Import.id.desc()).limit(MOST)
        rows = [(row, story(row)) for row in db.session.scalars(latest)]
        return str(self.render("admin/imports/index.html", rows=rows))

    @at("/new/")
    def new(self) -> ResponseReturnValue:
        """Choose a file."""
        return self._new(request.args.get("segment", ""))

    @at("/upload/", methods=("POST",))
    def upload(self) -> ResponseReturnValue:
        """Keep the file, and go on to its columns."""
        wanted, file = request.form.get("segment", ""), request.files.get("file")
        try:
            if file is None or not file.filename:
                raise InvalidImport("No file was chosen.", field="file", remedy="Choose a CSV file.")
            pk = uploads.keep(file.stream, file.filename, current_user.email, _list(wanted))
        except CarillonError as error:
            return self._new(wanted, str(error)), 422
        finally:
            request.close()  # a large file is on disk meanwhile
        return redirect(self.get_url(".show", id=pk))

    @at("/show/")
    def show(self) -> ResponseReturnValue:
        """Where an import stands: its columns to be chosen, its progress, or what became of it."""
        return self._show(_row(request.args.get("id", "")))

    @at("/progress/")
    def progress(self) -> ResponseReturnValue:
        """How far it is, as JSON, for the page that watches it."""
        return jsonify(as_json(_row(request.args.get("id", ""))))

    @at("/check/", methods=("POST",))
    def check(self) -> ResponseReturnValue:
        """Have every row checked by the columns as they are chosen now."""
        row, form = _row(request.form.get("id", "")), request.form
        count = range(len(row.columns))
        targets = [form.get(f"target-{number}", "") for number in count]
        kinds = [form.get(f"kind-{number}", "auto") for number in count]
        try:
            options: dict[str, Any] = {"creates": form.get("creates") == "yes", "replaces": form.get("replaces") == "yes"}
            uploads.check(row, _version(), targets, kinds, **options)
        except InvalidImport as error:
            chosen = [[header, *pair] for (header, *_), *pair in zip(row.columns, targets, kinds, strict=True)]
            return self._show(row, columns=chosen, error=error), 422
        except WrongState as error:
            flash(str(error), "warning")
        jobs.wake_import(row.id)
        return redirect(self.get_url(".show", id=row.id))

    @at("/reread/", methods=("POST",))
    def reread(self) -> ResponseReturnValue:
        """Read the file with another encoding or delimiter; the columns are guessed anew."""
        row, form = _row(request.form.get("id", "")), request.form
        encoding, delimiter = form.get("encoding", ""), form.get("delimiter", "")
        try:
            if encoding not in dict(ENCODINGS) or delimiter not in (*DELIMITERS, "tab"):
                raise InvalidImport("There is no such choice.", remedy="Choose one of the list.")
            uploads.reread(row.id, encoding, "\t" if delimiter == "tab" else delimiter)
        except CarillonError as error:
            flash(str(error), "warning")
        return redirect(self.get_url(".show", id=row.id))

    @at("/write/", methods=("POST",))
    def write(self) -> ResponseReturnValue:
        """Have the good rows written."""
        row = _row(request.form.get("id", ""))
        try:
            uploads.write(row.id, _version())
            db.session.refresh(row)
            counts = {"file": [None, row.file_name], "good": [None, row.good], "bad": [None, row.bad]}
            audit.record("import", "segment" if row.segment_id else "recipients", row.segment_id or row.id, counts)
            db.session.commit()
        except WrongState as error:
            flash(str(error), "warning")
        jobs.wake_import(row.id)
        return redirect(self.get_url(".show", id=row.id))

    @at("/cancel/", methods=("POST",))
    def cancel(self) -> ResponseReturnValue:
        """Stop it."""
        row = _row(request.form.get("id", ""))
        try:
            uploads.cancel(row.id)
            audit.record("cancel", "import", row.id, {"file": [row.file_name, None]})
            db.session.commit()
            flash("Cancelled.", "success")
        except WrongState as error:
            flash(str(error), "warning")
        return redirect(self.get_url(".show", id=row.id))

    @at("/errors.csv")
    def errors(self) -> Response:
        """The bad rows, as a table."""
        row = _row(request.args.get("id", ""))
        return csv_export.answer(f"import-{row.id}-errors.csv", ("line", "column", "problem", "remedy"), _faults(row.id))

    def _new(self, wanted: str, error: str = "") -> str:
        lists = select(Segment).where(Segment.definition.is_(None)).order_by(Segment.name).limit(LISTS)
        return str(self.render(
            "admin/imports/new.html", lists=list(db.session.scalars(lists)), wanted=wanted, error=error,
            largest=uploads.LARGEST >> 20,
        ))

    def _show(self, row: Import, *, columns: list[Any] | None = None, error: InvalidImport | None = None) -> str:
        sheet, broken = None, ""
        if row.state == uploads.UPLOADED or error is not None or (row.state == uploads.CHECKED and "columns" in request.args):
            try:
                sheet = uploads.beginning(row)
            except InvalidImport as found:
                broken = str(found)
        some = select(ImportFault).where(ImportFault.import_id == row.id).order_by(ImportFault.line).limit(FEW)
        return str(self.render(
            "admin/imports/show.html", row=row, story=story(row), far=as_json(row), sheet=sheet, broken=broken, error=error,
            columns=columns or row.columns, faults=list(db.session.scalars(some)) if row.bad else [], ended=row.state in ENDED,
            targets=TARGET_WORDS, kinds=KIND_WORDS, encodings=ENCODINGS,
        ))


def _row(text: str) -> Import:
    row = db.session.get(Import, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None:
        raise NotFound("There is no such import.")
    return row


def _list(text: str) -> int | None:
    """The list that a file is for; None for the recipients. Raises InvalidImport."""
    if not text:
        return None
    row = db.session.get(Segment, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None or row.definition is not None:
        raise InvalidImport("There is no such list.", field="segment", remedy="Choose another one.")
    return row.id


def _version() -> int:
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _faults(pk: int) -> Iterator[tuple[Any, ...]]:
    after = 0
    while True:
        page = select(ImportFault.line, ImportFault.column, ImportFault.detail, ImportFault.remedy)
        page = page.where(ImportFault.import_id == pk, ImportFault.line > after).order_by(ImportFault.line)
        rows = db.session.execute(page.limit(TOGETHER)).all()
        if not rows:
            return
        yield from (tuple(row) for row in rows)
        after = rows[-1].line
