"""Segments: saved audiences, by rule or as a list of people."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload
from wtforms import RadioField

from dashboard import audit
from dashboard.admin.display.times import ago
from dashboard.admin.forms.fields import Form, HiddenField, JsonField, line, options, text
from dashboard.admin.forms.members import add_members, remove_members
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.listing import Listing
from tasks.audience.fields import known
from tasks.audience.segments import RESERVED, validate
from tasks.errors import AlreadyExists, InvalidAudience, WrongState
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Segment, SegmentMember, TemplateVersion
from tasks.models.types import utcnow
from tasks.models.words import CANCELLED, COMPLETED, FAILED

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RULE, LIST = "rule", "list"
LOOKED, SHOWN = 300, 5  # broadcasts looked through for a segment, and shown
ENDED = (COMPLETED, CANCELLED, FAILED)
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

    seen = HiddenField()  # when the version that is edited was saved
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

    def edit_form(self, obj: Segment | None = None) -> SegmentForm:
        """The form, knowing which kind of segment it is."""
        form: SegmentForm = super().edit_form(obj)
        if obj is not None and not form.kind.raw_data:
            form.kind.data = RULE if obj.definition else LIST
            form.seen.data = obj.updated_at.isoformat()
        return form

    def beside(self, row: Segment | None) -> Mapping[str, Any]:
        """How many people a static list has, what a rule may be about, and which broadcasts use the segment."""
        return {
            "members": _members(row) if row is not None and row.definition is None else None, "example": EXAMPLE,
            "known": asdict(known()), "used": _used(row.slug) if row is not None else (),
        }

    def warning(self, row: Segment) -> str:
        """What deleting touches."""
        waiting = [str(one) for one in _used(row.slug) if one.state not in ENDED]
        now = f"In use now: {', '.join(waiting)}. Whoever of them has not settled its audience yet will fail. " if waiting else ""
        return f"{now}Its people stay; programs that broadcast to {row.slug} will get an error."

    def write(self, form: Any, row: Segment | None) -> Segment:
        """Check the slug and the definition; carry over the fields and the changes of a list."""
        definition = form.definition.data if form.kind.data == RULE else None
        _check(form.slug.data, form.kind.data, definition, row)
        if row is None:
            row = Segment()
            db.session.add(row)
        elif form.seen.data:
            _claim(row, form.seen.data)
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


def _claim(row: Segment, seen: str) -> None:
    """Let one of two who edit the same version save it. Raises WrongState, naming who was first."""
    try:
        moment = datetime.fromisoformat(seen)
    except ValueError:
        moment = row.updated_at
    here = update(Segment).where(Segment.id == row.id, Segment.updated_at == moment).values(updated_at=utcnow())
    if moment.tzinfo is None or not db.session.execute(here.execution_options(synchronize_session=False)).rowcount:  # type: ignore[attr-defined]
        last = select(AuditEntry).where(AuditEntry.object_type == "segment", AuditEntry.object_id == str(row.id))
        entry = db.session.scalar(last.order_by(AuditEntry.id.desc()).limit(1))
        who = f"{entry.actor or 'Somebody'} saved it {ago(entry.at)}" if entry is not None else "Somebody saved it meanwhile"
        remedy = "Open it in another tab, and carry over what you want to keep."
        raise WrongState(f"{who}, after you had opened it.", field="name", remedy=remedy)
    db.session.refresh(row)


def _used(slug: str) -> list[Broadcast]:
    """The latest broadcasts to a segment, of the few hundred looked through."""
    latest = select(Broadcast).options(joinedload(Broadcast.template_version).joinedload(TemplateVersion.template))
    rows = db.session.scalars(latest.order_by(Broadcast.pk.desc()).limit(LOOKED))
    return [row for row in rows if _names(row.audience, slug)][:SHOWN]


def _names(audience: Any, slug: str) -> bool:
    """True where an audience is this segment, or has it as a part, or leaves it out."""
    if isinstance(audience, Mapping):
        return "rules" not in audience and any(_names(part, slug) for part in audience.values())
    if isinstance(audience, list):
        return any(_names(part, slug) for part in audience[:50])
    return bool(audience == slug)
