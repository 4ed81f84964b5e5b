"""Lists of any size: filtered by query parameters, paged by id, never counted."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import flash, request, url_for
from sqlalchemy import Select

from dashboard.admin.lists import keyset
from dashboard.admin.lists.filters import Filter, FilterError
from dashboard.admin.lists.listing import Listing
from dashboard.admin.lists.log_filters import SINCE, between


class LogListing(Listing):
    """A list of a table that may hold millions of rows, newest first."""

    list_template = "admin/model/log_list.html"
    page_size = 50
    columns: ClassVar[keyset.Columns]
    filters: ClassVar[Sequence[Filter]] = ()
    column_sortable_list = ()

    def query(self) -> Select[Any]:
        """The rows with what their cells show, without order."""
        raise NotImplementedError

    def get_list(self, *_args: Any, **_kwargs: Any) -> tuple[None, list[Any]]:
        """Flask-Admin's hook for a list's rows; what it asks for by page number and column is not how this list is read."""
        query, windowed, narrow = self.query(), False, False
        for one, text in self.chosen().items():
            try:
                query = query.where(one.where(text))
            except FilterError as error:
                flash(f"{one.label}: {error}. This filter was left out.", "warning")
                continue
            windowed, narrow = True, narrow or one.narrow
        low, high = between(self.columns) if SINCE in self.filters else (0, None)
        cursor = keyset.Cursor(_number("before"), _number("after"), low, high)
        found: keyset.Page[Any] = keyset.read(query, self.columns.key, cursor, self.page_size, windowed=windowed and not narrow)
        self._template_args.update(pager=self._links(found), filter_list=self.filters, chosen=self._texts())
        return None, found.rows

    def chosen(self) -> dict[Filter, str]:
        """The filters that the request uses, with their texts; those by time bound the ids instead."""
        return {one: text for one in self.filters if one.kind != "moment" and (text := request.args.get(one.name, "").strip())}

    def _texts(self) -> Mapping[str, str]:
        return {one.name: request.args.get(one.name, "") for one in self.filters}

    def _links(self, found: keyset.Page[Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {name: text for name, text in self._texts().items() if text}
        page = f"{self.endpoint}.index_view"
        here = _number("before") is not None or _number("after") is not None
        paused = found.paused_at
        return {
            "newest": url_for(page, **kept) if here else None,
            "newer": url_for(page, after=found.newer, **kept) if found.newer is not None else None,
            "older": url_for(page, before=found.older, **kept) if found.older is not None else None,
            "further": url_for(page, before=paused, **kept) if paused is not None else None,
            "looked_back_to": keyset.moment_of(self.columns, paused) if paused is not None else None,
            "reset": url_for(page) if kept else None,
        }


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
