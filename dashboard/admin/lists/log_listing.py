"""Lists of any size: filtered by query parameters, paged by id, never counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import flash, request, url_for
from sqlalchemy import Select, select

from dashboard.admin.lists import keyset
from dashboard.admin.lists.filters import Filter, FilterError, Ids
from dashboard.admin.lists.listing import Listing
from dashboard.admin.lists.log_filters import SINCE, between
from tasks.extensions import db


@dataclass(frozen=True, slots=True)
class Search:
    """What a request's filters ask for: the keys, the ids among which they are, and whether an index finds them."""

    query: Select[Any]
    low: int
    high: int | None
    windowed: bool
    served: bool

    def page(self, columns: keyset.Columns, cursor: keyset.Cursor, size: int) -> keyset.Page[int]:
        """One page of the keys."""
        largest = keyset.WITHOUT_BOUND if self.served else keyset.LARGEST_WINDOW
        return keyset.read(self.query, columns.key, cursor, size, windowed=self.windowed, largest=largest)


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

    def keys(self, chosen: Iterable[Filter]) -> Select[Any]:
        """The keys alone, with whatever the chosen filters ask: what is looked through is then as small as it can be."""
        return select(self.columns.key)

    def get_list(self, *_args: Any, **_kwargs: Any) -> tuple[None, list[Any]]:
        """Flask-Admin's hook for a list's rows; what it asks for by page number and column is not how this list is read."""
        search = self.search()
        cursor = keyset.Cursor(number("before"), number("after"), search.low, search.high)
        found = search.page(self.columns, cursor, self.page_size)
        self._template_args.update(pager=self._links(found), filter_list=self.filters, chosen=self._texts())
        return None, self.load(found.rows)

    def load(self, keys: Sequence[int]) -> list[Any]:
        """The rows of these keys, in their order."""
        if not keys:
            return []
        key = self.columns.key
        found = {getattr(row, key.key): row for row in db.session.scalars(self.query().where(key.in_(keys)))}
        return [found[key] for key in keys if key in found]  # one may have been deleted in between

    def search(self) -> Search:
        """What the request's filters ask for."""
        chosen = self.chosen()
        query, low, high, served = self.keys(chosen), *(between(self.columns) if SINCE in self.filters else (0, None)), False
        for one, text in chosen.items():
            try:
                query = query.where(one.where(text))
            except FilterError as error:
                flash(f"{one.label}: {error}. This filter was left out.", "warning")
                continue
            served = served or one.is_served(text)
            low, high = _both((low, high), one.within(text, self.columns) if one.within else (0, None))
        return Search(query, low, high, bool(chosen), served)

    def chosen(self) -> dict[Filter, str]:
        """The filters that the request uses, with their texts; those by time bound the ids instead."""
        return {one: text for one in self.filters if one.kind != "moment" and (text := request.args.get(one.name, "").strip())}

    def _texts(self) -> Mapping[str, str]:
        return {one.name: request.args.get(one.name, "") for one in self.filters}

    def _links(self, found: keyset.Page[Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {name: text for name, text in self._texts().items() if text}
        page = f"{self.endpoint}.index_view"
        here = number("before") is not None or number("after") is not None
        paused = found.paused_at
        return {
            "newest": url_for(page, **kept) if here else None,
            "newer": url_for(page, after=found.newer, **kept) if found.newer is not None else None,
            "older": url_for(page, before=found.older, **kept) if found.older is not None else None,
            "further": url_for(page, before=paused, **kept) if paused is not None else None,
            "looked_at": found.looked_at,
            "looked_back_to": keyset.moment_of(self.columns, paused) if paused is not None else None,
            "query": urlencode(kept),
            "reset": url_for(page) if kept else None,
        }


def _both(one: Ids, other: Ids) -> Ids:
    """The ids that are within both."""
    ends = [high for _, high in (one, other) if high is not None]
    return max(one[0], other[0]), min(ends, default=None)


def number(name: str) -> int | None:
    """A query parameter that is a row's number; None for anything else."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
