"""An audit entry for readers: field by field, long texts line by line with the words that differ."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from dashboard.admin.views.template_versions import LABELS
from tasks import templates, versions
from tasks.extensions import db
from tasks.models import AuditEntry, Template
from tasks.versions import Line

SHORT = 80  # characters that stand in one line
MISSING: Final = "nothing"
WORDS: Final = {
    "notification_type": "Notification type", "is_active": "Active", "expires_after": "Gives up after (seconds)",
    "retry_delays": "Retries after (seconds)", "offline_only": "Only while not online",
    "escalate": "If not read within (seconds)",
    "on_unknown": "When in doubt", "url": "Address", "value": "Value", "email_format": LABELS["email_format"],
}


@dataclass(frozen=True, slots=True)
class Story:
    """What an entry says: short fields as (label, before, after), long ones as lines, and what it put back."""

    short: list[tuple[str, str, str]] = field(default_factory=list)
    long: dict[str, list[Line]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    of_entry: int | None = None


def tell(entry: AuditEntry) -> Story:
    """The changes of an entry, whatever an older one holds."""
    story = Story(of_entry=_number(entry.changes.get("entry")))
    for name, values in entry.changes.items():
        before, after = values if isinstance(values, list) and len(values) == 2 else (None, values)
        if name == "entry":
            continue
        label = WORDS.get(name, name.replace("_", " ").capitalize())
        old, new = _text(before), _text(after)
        if max(len(old), len(new)) <= SHORT and "\n" not in old + new:
            story.short.append((label, old, new))
        else:
            story.labels[name] = label
            texts = {name: "" if before is None else old}, {name: "" if after is None else new}
            story.long.update(versions.compare(*texts))
        if name == "version" and entry.object_type == "template":
            _add_texts(story, entry.object_id, before, after)
    return story


def _add_texts(story: Story, template_id: str, before: Any, after: Any) -> None:
    """The texts of the two versions against each other: the entry itself holds only their numbers."""
    template = db.session.get(Template, int(template_id)) if template_id.isdigit() else None
    if template is None or not isinstance(before, int) or not isinstance(after, int):
        return
    old, new = versions.find(template, before), versions.find(template, after)
    if old is not None and new is not None:
        story.labels.update(LABELS)
        story.long.update(versions.compare(templates.written(old), templates.written(new)))


def _number(pair: Any) -> int | None:
    return pair[1] if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], int) else None


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or "empty"
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= SHORT else json.dumps(value, indent=2, ensure_ascii=False)
