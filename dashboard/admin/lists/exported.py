"""What a list's filters show, as a file: every row of it, however many."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from flask import Response, request

from dashboard import audit
from dashboard.admin.guard import at
from dashboard.admin.lists import csv_export, keyset
from dashboard.admin.lists.log_listing import LogListing, Search
from tasks.extensions import db

PAGE = 500  # rows that are read at once
OF_PEOPLE = frozenset({"recipient", "find", "name"})  # filters whose text the audit must not keep: it outlives the person's data
Column = tuple[str, Callable[[Any], object]]


class Exported(LogListing):
    """A list with a download of all that its filters find, newest first."""

    csv_columns: ClassVar[Sequence[Column]]

    @at("/csv/", methods=("POST",))
    def csv_view(self) -> Response:
        """The rows of the address's filters. That somebody took them is in the audit."""
        search = self.search()
        used = {name: text for name in (one.name for one in self.filters) if (text := request.args.get(name, "").strip())}
        kept = {name: [None, "…" if name in OF_PEOPLE else text] for name, text in used.items()}
        audit.record("export", f"{self.word} log", "csv", kept)
        db.session.commit()
        header = [name for name, _ in self.csv_columns]
        return csv_export.answer(f"{self.word}-log.csv", header, self._lines(search))

    def _lines(self, search: Search) -> Iterator[list[object]]:
        before: int | None = None
        while True:
            found = search.page(self.columns, keyset.Cursor(before, None, search.low, search.high), PAGE)
            # Plain values, made at once: the session ends with each piece of the answer.
            yield from [[value(row) for _, value in self.csv_columns] for row in self.load(found.rows)]
            before = found.older if found.older is not None else found.paused_at
            db.session.expunge_all()
            if before is None:
                return
