"""The people on a static list: a page at a time, added by pasting their ids, taken off one by one."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, select
from werkzeug.exceptions import NotFound

from dashboard import audit
from dashboard.admin.forms.members import Pasted, put_on, read_pasted, take_off
from dashboard.admin.guard import Page, at
from tasks.errors import UnknownRecipient
from tasks.extensions import db
from tasks.models import Recipient, Segment, SegmentMember

SIZE = 50  # people on a page
COUNTED = 100_000  # a longer list is only said to be longer
SHOWN = 20  # bad lines


class Lists(Page):
    """One page a list."""

    needs = {"add": "editor", "remove": "editor"}

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to its segment."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The people on the list, or the one with the id that is looked for."""
        return self._page(_list(request.args.get("id", "")))

    @at("/add/", methods=("POST",))
    def add(self) -> ResponseReturnValue:
        """Add the pasted ids. Where a line means nobody, nothing is added, unless the rest was asked for."""
        row = _list(request.form.get("id", ""))
        try:
            pasted = read_pasted(request.form.get("ids", ""))
        except UnknownRecipient as error:
            return self._page(row, error=str(error)), 422
        if not pasted.people and not pasted.bad:
            return self._page(row, error="There is no id. Paste your own ids, one a line."), 422
        if pasted.bad and (request.form.get("rest") != "yes" or not pasted.people):
            return self._page(row, pasted=pasted), 422
        added = put_on(row.id, pasted.people)
        _note(row, added=added)
        known = len(pasted.people) - added
        flash(f"{added:,} added{f'; {known:,} were on it already' if known else ''}.", "success")
        return redirect(self.get_url(".index", id=row.id))

    @at("/remove/", methods=("POST",))
    def remove(self) -> ResponseReturnValue:
        """Take the ticked people off."""
        row = _list(request.form.get("id", ""))
        given = request.form.getlist("person")[:SIZE]
        ticked = [int(text) for text in given if text.isascii() and text.isdigit() and len(text) <= 9]
        gone = take_off(row.id, ticked)
        _note(row, removed=gone)
        flash(f"{gone:,} taken off." if gone else "Nobody was ticked, or they are off already.", "success" if gone else "warning")
        return redirect(self.get_url(".index", id=row.id))

    def _page(self, row: Segment, *, pasted: Pasted | None = None, error: str = "") -> str:
        find = request.args.get("find", "").strip()
        people, older, newer = _people(row.id, find)
        here: dict[str, Any] = {"id": row.id, **({"find": find} if find else {})}
        return str(self.render(
            "admin/lists/index.html", row=row, people=people, find=find, count=_count(row.id), counted=COUNTED, error=error,
            pasted=pasted, shown=SHOWN, ids=request.form.get("ids", ""),
            next=url_for("admin_lists.index", after=older, **here) if older else None,
            first=url_for("admin_lists.index", **here) if newer else None,
        ))


def _list(text: str) -> Segment:
    row = db.session.get(Segment, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    if row is None or row.definition is not None:
        raise NotFound("There is no such list.")
    return row


def _people(segment_id: int, find: str) -> tuple[list[Recipient], int | None, bool]:
    """A page of people by recipients.id; the id that the next page comes after, and whether this one comes after another."""
    text = request.args.get("after", "")
    after = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
    query: Select[Any] = select(Recipient).join(SegmentMember, SegmentMember.recipient_id == Recipient.id)
    query = query.where(SegmentMember.segment_id == segment_id, SegmentMember.recipient_id > after)
    if find:
        query = query.where(Recipient.external_id == find)
    rows = list(db.session.scalars(query.order_by(SegmentMember.recipient_id).limit(SIZE + 1)))
    return rows[:SIZE], rows[SIZE - 1].id if len(rows) > SIZE else None, bool(after)


def _count(segment_id: int) -> int:
    """How many are on it; one more than COUNTED where it is longer."""
    some = select(SegmentMember.recipient_id).where(SegmentMember.segment_id == segment_id).limit(COUNTED + 1)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _note(row: Segment, *, added: int = 0, removed: int = 0) -> None:
    if added or removed:
        audit.record("members", "segment", row.id, {"added": [None, added], "removed": [None, removed]})
    db.session.commit()
