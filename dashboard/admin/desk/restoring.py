"""Putting something back as it was before a change that the audit kept: by the checks of a usual edit, and audited itself."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from dashboard import audit, auth, operators
from dashboard.admin.display.changes import differences, snapshot
from tasks import outbox, templates, versions
from tasks.audience.segments import validate
from tasks.errors import AlreadyExists, CarillonError, WrongState
from tasks.extensions import db
from tasks.models import AuditEntry, Operator, Rule, Segment, Template, Webhook
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.route import check_waiting
from tasks.webhooks import addresses

Values = dict[str, Any]
DELETED = "It was deleted since. Restore its deletion first, where that can be done."


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that can be put back: its table, who may, which fields, and how they are written. `again`: also when deleted."""

    model: type[Any]
    role: str
    fields: tuple[str, ...]
    write: Callable[[Any, Values], None]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """How an entry can be put back: what would be written over what is there now, and a mark of the latter."""

    entry: AuditEntry
    kind: Kind
    row: Any  # None: it was deleted, and is made anew
    wanted: Values
    now: Values
    moved: tuple[str, ...]  # fields that somebody changed since the entry

    @property
    def seen(self) -> str:
        """A mark of what is there now: who presses the button has looked at this, and at nothing newer."""
        return hashlib.sha256(json.dumps(self.now, sort_keys=True, default=str).encode()).hexdigest()[:16]


def way(entry: AuditEntry) -> Way | str:
    """How to put back what an entry changed, or in a sentence why that cannot be done."""
    kind = KINDS.get(entry.object_type)
    if kind is None or entry.action not in {"update", "delete", "restore"}:
        return WHY_NOT.get((entry.object_type, entry.action), "There is nothing to put back: it was no change of fields.")
    pairs = {name: pair for name, pair in entry.changes.items() if name in kind.fields and _is_pair(pair)}
    if not pairs:
        return "There is nothing to put back: secrets are never kept, so no older one can come back."
    wanted = {name: pair[0] for name, pair in pairs.items()}
    if entry.action == "delete":
        return Way(entry, kind, None, wanted, {}, ()) if kind.again else WHY_NOT.get((entry.object_type, "delete"), DELETED)
    row = db.session.get(kind.model, int(entry.object_id)) if entry.object_id.isdigit() else None
    if row is None or _was_deleted(entry):
        return DELETED
    now = state(kind, row)
    if all(now[name] == value for name, value in wanted.items()):
        return "It is as it was before this change."
    moved = tuple(name for name, pair in pairs.items() if now[name] != pair[1])
    return Way(entry, kind, row, wanted, {name: now[name] for name in wanted}, moved)


def _was_deleted(entry: AuditEntry) -> bool:
    """SQLite gives the number of a row that is gone to the next one: that would be another thing."""
    later = select(AuditEntry.id).where(
        AuditEntry.object_type == entry.object_type, AuditEntry.object_id == entry.object_id, AuditEntry.id > entry.id,
        AuditEntry.action == "delete",
    )
    return db.session.scalar(later.limit(1)) is not None


def state(kind: Kind, row: Any) -> Values:
    """The values of a row as the audit writes them."""
    found = snapshot(row, [name for name in kind.fields if name != "version"])
    if "version" in kind.fields:
        found["version"] = row.current_version.number if row.current_version else None
    return found


def restore(entry: AuditEntry, seen: str) -> Any:
    """Put back what an entry changed, audit it and commit. Returns the row.

    Raises NotAllowed for who may not edit such a thing, WrongState where there is nothing to put back or somebody was faster,
    and whatever the checks of an edit raise.
    """
    found = way(entry)
    if isinstance(found, str):
        raise WrongState(found, remedy="Look at its newest entries.")
    auth.insist(found.kind.role)
    if found.seen != seen:
        raise WrongState("Somebody changed it while you looked.", remedy="See what it is now, then decide again.")
    row, before = found.row or found.kind.model(), state(found.kind, found.row) if found.row is not None else {}
    try:
        with db.session.no_autoflush:
            found.kind.write(row, found.wanted)
            db.session.add(row)
            db.session.flush()
        changes = differences(before, state(found.kind, row))
        audit.record("restore", entry.object_type, row.id, {**changes, "entry": [None, entry.id]})
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise AlreadyExists("Another one has its name by now.", remedy="Rename that one first.") from None
    except CarillonError:
        db.session.rollback()
        raise
    return row


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def _put(row: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _template(row: Template, values: Values) -> None:
    number = values.pop("version", None)
    version = versions.find(row, number) if number is not None else row.current_version
    if version is None:
        raise WrongState(f"There is no version {number}.", remedy="Choose one of the template's versions.")
    _put(row, values)
    versions.restore(row, version, str(current_user.email))


def _rule(row: Rule, values: Values) -> None:
    _put(row, values)
    templates.check_type(row.notification_type)
    channels = [name for name in OUTSIDE_CHANNELS if name in (row.channels or [])]
    check_waiting(channels, row.escalate or {}, row.offline_only or [], row.expires_after)


def _segment(row: Segment, values: Values) -> None:
    _put(row, values)
    if row.definition is not None:
        validate(row.definition)


def _operator(row: Operator, values: Values) -> None:
    kept = {"name": row.name, "role": row.role, "is_active": row.is_active, **values}
    operators.change(row, **kept, by=current_user.operator_id)


def _webhook(row: Webhook, values: Values) -> None:
    was_on = row.is_active
    _put(row, values)
    addresses.check(row.url, row.events)
    if row.is_active and not was_on:
        addresses.switch_on(row)
    outbox.forget()


KINDS: Final = {
    "template": Kind(Template, "editor", ("name", "description", "notification_type", "is_active", "version"), _template),
    "rule": Kind(Rule, "editor", (
        "notification_type", "channels", "offline_only", "escalate", "retry_delays", "expires_after", "on_unknown", "mandatory",
        "priority", "description",
    ), _rule, again=True),
    "segment": Kind(Segment, "editor", ("slug", "name", "description", "definition"), _segment, again=True),
    "operator": Kind(Operator, "admin", ("name", "role", "is_active"), _operator),
    "webhook": Kind(Webhook, "admin", ("url", "description", "events", "is_active"), _webhook),
}
WHY_NOT: Final = {
    ("setting", "update"): "Settings are environment variables: set the old value there and start anew.",
    ("api_key", "revoke"): "A key that was revoked stays so: whoever had to be shut out must not come back by a click.",
    ("api_key", "rotate"): "Keys are never kept, so no older one can come back.",
    ("webhook", "rotate"): "Secrets are never kept, so no older one can come back.",
    ("webhook", "delete"): "Its secret went with it. Make a new webhook with the same address.",
    ("segment", "members"): "Lists of people are not kept with each change. Add or remove the people again.",
}
