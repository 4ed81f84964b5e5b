"""The audit: who changed what, when, from what to what."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select

from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.filters import Options, equals, exact
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import SINCE, UNTIL
from dashboard.admin.lists.log_listing import LogListing
from tasks.models import AuditEntry

OBJECTS = ("template", "rule", "segment", "recipient", "device", "broadcast", "api_key", "operator")

ACTIONS = ("create", "update", "members", "delete", "login", "revoke", "start", "pause", "resume", "cancel")


def _objects() -> Options:
    return [(name, name.replace("_", " ")) for name in OBJECTS]


def _actions() -> Options:
    return [(name, name) for name in ACTIONS]


class Audit(LogListing):
    """The list of changes, and one page each."""

    word = "audit_entry"
    intro = "Every change of templates, rules, segments, people, keys and accounts, and every start and stop of a broadcast."
    empty = ("No change yet", "Whatever somebody changes from now on is kept here.")
    can_view_details = True
    details_template = "admin/audit/details.html"
    columns = Columns(AuditEntry.id, AuditEntry.at)
    filters = (
        equals("object_type", "Kind", AuditEntry.object_type, _objects),
        exact("object_id", "Number", AuditEntry.object_id),
        exact("actor", "Who", AuditEntry.actor, hint="e-mail, key name or cli"),
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
        """The changes as pairs, whatever an older entry holds."""
        return {"pairs": {field: _pair(values) for field, values in row.changes.items()}}


def _pair(values: Any) -> list[Any]:
    return values if isinstance(values, list) and len(values) == 2 else [None, values]
