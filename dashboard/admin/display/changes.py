"""What a change changed: the difference of two snapshots, as the audit keeps it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any


def snapshot(row: object, fields: Iterable[str]) -> dict[str, Any]:
    """The fields of a row as JSON values."""
    return {field: _plain(getattr(row, field)) for field in fields}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Every field whose value differs, as field: [before, after]; a missing one counts as None."""
    return {field: [before.get(field), value] for field, value in after.items() if before.get(field) != value}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
