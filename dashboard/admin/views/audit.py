"""The audit: who changed what, when, from what to what."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, select

from dashboard.admin.desk import restoring
from dashboard.admin.desk.entry import tell
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.filters import Options, equals, exact
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import SINCE, UNTIL
from dashboard.admin.lists.log_listing import LogListing
from dashboard.auth import allowed
from tasks.errors import CarillonError, NotAllowed
from tasks.extensions import db
from tasks.models import AuditEntry, Operator

OBJECTS = (
    "template", "rule", "segment", "setting", "api_key", "operator", "webhook", "recipient", "device", "broadcast",
)
ACTIONS = (
    "create", "update", "restore", "delete", "members", "login", "revoke", "rotate", "start", "approve", "reject", "pause",
    "resume", "cancel", "finish", "export",
)
PEOPLE = 50  # accounts suggested


def _objects() -> Options:
    return [(name, name.replace("_", " ")) for name in OBJECTS]


def _people() -> Options:
    emails = db.session.scalars(select(Operator.email).order_by(Operator.email).limit(PEOPLE))
    return [*((email, email) for email in emails), ("cli", "the command line"), ("environment", "a changed setting")]


def _actions() -> Options:
    return [(name, name) for name in ACTIONS]


class Audit(LogListing):
    """The list of changes, and one page each."""

    word = "audit_entry"
    intro = (
        "Every change of templates, rules, segments, people, keys, webhooks and accounts, and every start and stop of a "
        "broadcast. Settings are environment variables; what a start finds changed is kept here too."
    )
    empty = ("No change yet", "Whatever somebody changes from now on is kept here.")
    can_view_details = True
    details_template = "admin/audit/details.html"
    columns = Columns(AuditEntry.id, AuditEntry.at)
    filters = (
        equals("object_type", "Kind", AuditEntry.object_type, _objects),
        exact("object_id", "Number", AuditEntry.object_id, hint="or a setting's name"),
        exact("actor", "Who", AuditEntry.actor, hint="e-mail or key name", options=_people, narrow=True),
        exact("action", "Action", AuditEntry.action, options=_actions),
        SINCE, UNTIL,
    )
    column_list = ("at", "action", "object_id", "actor", "changes")
    column_labels = {"at": "Time", "action": "What", "object_id": "Number", "actor": "Who", "changes": "Fields"}
    column_formatters = {
        "at": cell("audit_at"), "action": cell("audit_what"), "object_id": cell("audit_object"), "actor": cell("audit_actor"),
        "changes": cell("audit_changes"),
    }

    def query(self) -> Select[Any]:
        """Entries, as they are."""
        return select(AuditEntry)

    def details(self, row: AuditEntry) -> Mapping[str, Any]:
        """The changes for readers, and how they can be undone."""
        way, story = restoring.way(row), tell(row)
        if isinstance(way, str):
            return {"story": story, "way": None, "why_not": way}
        now = [(name, value) for name, value in way.now.items() if name in way.moved]
        return {"story": story, "way": way, "may": allowed(way.kind.role), "now": now}

    @at("/restore/", methods=("POST",))
    def restore_view(self) -> ResponseReturnValue:
        """Put back what an entry changed."""
        entry: AuditEntry = self.get_one(request.form.get("id", ""))
        try:
            row = restoring.restore(entry, request.form.get("seen", ""))
        except NotAllowed:
            raise
        except CarillonError as error:
            flash(f"Nothing was changed. {error}", "error")
            return redirect(self.get_url(".details_view", id=entry.id))
        flash(f"Restored {entry.object_type.replace('_', ' ')} {row} to what it was before.", "success")
        newest = select(AuditEntry.id).where(AuditEntry.action == "restore").order_by(AuditEntry.id.desc()).limit(1)
        return redirect(self.get_url(".details_view", id=db.session.scalar(newest)))
