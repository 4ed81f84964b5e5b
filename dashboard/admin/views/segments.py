"""Segments: saved audiences, by rule or as a list of people."""

import re
from collections.abc import Mapping
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from wtforms import RadioField

from dashboard import audit
from dashboard.admin.forms.fields import Form, JsonField, line, options, text
from dashboard.admin.forms.members import add_members, remove_members
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.listing import Listing
from tasks.audience.segments import RESERVED, members_query, validate
from tasks.database import reading
from tasks.errors import AlreadyExists, InvalidAudience
from tasks.extensions import db
from tasks.models import Segment, SegmentMember

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RULE, LIST = "rule", "list"
EXAMPLE = """{
  "combinator": "and",
  "rules": [
    {"field": "country", "operator": "=", "value": "NP"},
    {"field": "attributes.plan", "operator": "in", "value": ["gold", "silver"]}
  ]
}"""


class SegmentForm(Form):
    """A segment."""

    domain_fields = {"audience": "definition"}

    name = line("Name", required=True)
    slug = line("Slug", required=True, css="input--code", hint="How programs call it: small letters, digits, _ and -.")
    description = text("Description", rows=2)
    kind = RadioField("Who belongs to it", choices=options([(RULE, "By rule"), (LIST, "A static list")]), default=RULE)
    definition = JsonField("Definition", render_kw={
        "rows": 10, "class": "input--code input--tall", "spellcheck": "false", "data-definition": "",
    })
    add = text("Add people", rows=4, css="input--code", hint="Your own ids, one a line.")
    remove = text("Remove people", rows=2, css="input--code", hint="Your own ids, one a line.")


class Segments(Listing):
    """The list of segments, and their forms."""

    word = "segment"
    intro = "Saved audiences for broadcasts, by a rule over recipients or as a list of people."
    empty = ("No segments yet", "A segment is an audience with a name: everybody in Nepal, gold customers, the beta testers.")
    can_create = can_edit = can_delete = True
    form = SegmentForm
    create_template = edit_template = "admin/segments/form.html"
    audited = ("slug", "name", "description", "definition")
    column_list = ("name", "definition", "description", "updated_at")
    column_labels = {"definition": "Kind", "updated_at": "Changed"}
    column_formatters = {
        "name": cell("segment_name"), "definition": cell("segment_kind"), "description": cell("segment_about"),
        "updated_at": cell("updated"),
    }
    column_sortable_list = ("name", "updated_at")
    search_hint = "Name, slug or description"
    column_searchable_list = ("slug", "name", "description")
    column_default_sort = "name"

    def need(self, method: str) -> str:
        """Counting is part of editing."""
        return self.edit_role if method == "count_view" else super().need(method)

    def edit_form(self, obj: Segment | None = None) -> SegmentForm:
        """The form, knowing which kind of segment it is."""
        form: SegmentForm = super().edit_form(obj)
        if obj is not None and not form.kind.raw_data:
            form.kind.data = RULE if obj.definition else LIST
        return form

    def beside(self, row: Segment | None) -> Mapping[str, Any]:
        """How many people a static list has, and an example of a definition."""
        return {"members": _members(row) if row is not None and row.definition is None else None, "example": EXAMPLE}

    def warning(self, row: Segment) -> str:
        """What deleting touches."""
        return f"Its people stay; programs that broadcast to {row.slug} will get an error."

    def write(self, form: Any, row: Segment | None) -> Segment:
        """Check the slug and the definition; carry over the fields and the changes of a list."""
        definition = form.definition.data if form.kind.data == RULE else None
        _check(form.slug.data, form.kind.data, definition, row)
        if row is None:
            row = Segment()
            db.session.add(row)
        row.slug, row.name, row.description = form.slug.data, form.name.data, form.description.data or ""
        row.definition = definition
        db.session.flush()
        if definition is None:
            self._change_members(form, row)
        return row

    def _change_members(self, form: Any, row: Segment) -> None:
        before = _members(row)
        added, removed = add_members(row.id, form.add.data or ""), remove_members(row.id, form.remove.data or "")
        if added or removed:
            changes = {"added": [None, added], "removed": [None, removed], "members": [before, before + added - removed]}
            audit.record("members", self.word, row.id, changes)

    def after_save(self, row: Segment) -> str:
        """Stay with a list: there may be more to add."""
        return str(self.get_url(".edit_view", id=row.id)) if row.definition is None else self._back()

    @at("/count/", methods=("POST",))
    def count_view(self) -> ResponseReturnValue:
        """How many people a definition means now, as JSON; what is wrong with it, and where, if something is."""
        definition = request.get_json(silent=True)
        try:
            if not isinstance(definition, dict):
                raise InvalidAudience("This is not a JSON object yet.", remedy="Compare it with the example.")
            query = members_query(definition)
            with reading() as connection:
                count = connection.scalar(select(func.count()).select_from(query.subquery()))
        except InvalidAudience as error:
            return jsonify(error=f"{error.detail} {error.remedy}".strip(), field=error.field)
        return jsonify(count=count)


def _members(row: Segment) -> int:
    count = select(func.count()).select_from(SegmentMember).where(SegmentMember.segment_id == row.id)
    return db.session.scalar(count) or 0


def _check(slug: str, kind: str, definition: Any, row: Segment | None) -> None:
    if not SLUG.fullmatch(slug) or slug in RESERVED:
        raise InvalidAudience(
            f"{slug[:80]!r} cannot be a segment's slug.", field="slug",
            remedy=f"Use 1 to 64 small letters, digits, _ and -; {' and '.join(RESERVED)} are taken.",
        )
    other = db.session.scalar(select(Segment.id).where(Segment.slug == slug))
    if other is not None and (row is None or other != row.id):
        raise AlreadyExists(f"The slug {slug!r} is taken.", field="slug", remedy="Choose another one.")
    if kind == RULE:
        if definition is None:
            remedy = "Start from the example, or make it a static list."
            raise InvalidAudience("A rule needs a definition.", field="definition", remedy=remedy)
        try:
            validate(definition)
        except InvalidAudience as error:
            at = f"{error.field}: " if error.field else ""
            raise InvalidAudience(f"{at}{error.detail}", field="definition", remedy=error.remedy) from None
