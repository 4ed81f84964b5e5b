"""The record of who changed what: one entry in the transaction of the change itself."""

from collections.abc import Mapping
from typing import Any

from flask import g, has_request_context
from flask_login import current_user

from tasks.extensions import db
from tasks.models import AuditEntry

SECRET = frozenset({"password", "password_hash", "key_hash", "signing_secret", "secrets", "token"})


def record(
    action: str, object_type: str, object_id: object, changes: Mapping[str, Any], actor: str | None = None
) -> AuditEntry:
    """Add an entry to db.session; the caller commits it with the change.

    `changes` maps a field to [before, after]; the values of secret fields are left out. `actor` is by default whoever
    makes this request: the operator's e-mail, the API key's name, or "cli" outside a request.
    """
    entry = AuditEntry(
        actor=actor or current_actor(), action=action, object_type=object_type, object_id=str(object_id),
        changes={field: ["…", "…"] if field in SECRET else values for field, values in changes.items()},
    )
    db.session.add(entry)
    return entry


def current_actor() -> str:
    """Who makes this request: an operator's e-mail, `key <name>`, "anonymous", or "cli" outside any request."""
    if not has_request_context():
        return "cli"
    if "api_key" in g:
        return f"key {g.api_key.name}"
    return str(current_user.email) if current_user.is_authenticated else "anonymous"
