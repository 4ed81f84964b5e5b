"""Settings are environment variables: nobody changes them here. What a start finds changed goes into the audit."""

import hashlib
import hmac
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, select, update

from tasks.config import Settings
from tasks.database import reading, upsert, writing
from tasks.extensions import db
from tasks.models import AuditEntry, SeenSetting
from tasks.models.types import utcnow

SECRET = frozenset({"secret_key", "sparrow_token", "user_source_token", "receipts_secret"})
UNSEEN = frozenset({"admin_email", "admin_password"})  # they only make the first account
ACTOR = "environment"


def note_settings(config: Settings) -> int:
    """Write an audit entry for each setting that differs from what the last process saw. Returns how many.

    The first start of all writes none: there is nothing to compare with.
    """
    current = {f"CARILLON_{name.upper()}": shown(name, config) for name in Settings.model_fields if name not in UNSEEN}
    with reading() as connection:
        rows = connection.execute(select(SeenSetting.name, SeenSetting.value)).all()
    seen = {row.name: row.value for row in rows}
    changed = {name: value for name, value in current.items() if seen.get(name) != value}
    if not changed:
        return 0
    with writing() as connection:
        return sum(_note(connection, name, seen.get(name), value, first=not seen) for name, value in changed.items())


def shown(name: str, config: Settings) -> str:
    """A setting as the audit shows it. A secret is a mark that changes with it and tells nothing without the secret key."""
    value = getattr(config, name)
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if name in SECRET:
        return f"set ({_mark(text, config)})" if text else ""
    password = urlsplit(text).password if "@" in text else None
    if password:  # the whole of it, whatever signs are in it
        return f"{text.replace(f':{password}@', ':…@')} ({_mark(text, config)})"
    return text


def _mark(text: str, config: Settings) -> str:
    key = config.secret() or "no secret key"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:6]


def _note(connection: Connection, name: str, before: str | None, value: str, *, first: bool) -> int:
    """Take the value over, and say so; of several processes that start at once, one does."""
    if before is None:
        new = upsert(SeenSetting, db.engine.dialect.name).values(name=name, value=value).on_conflict_do_nothing()
        won = connection.execute(new).rowcount
    else:
        same = update(SeenSetting).where(SeenSetting.name == name, SeenSetting.value == before)
        won = connection.execute(same.values(value=value)).rowcount
    if won != 1 or first:
        return 0
    row = {
        "actor": ACTOR, "action": "update", "object_type": "setting", "object_id": name, "at": utcnow(),
        "changes": {"value": [before, value]},
    }
    connection.execute(insert(AuditEntry).values(row))
    return 1
