"""Saving a text that would break sends: asked about once, and the answer holds for that text alone."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from tasks.errors import WrongState
from tasks.payloads import Report


def mark_of(template_id: int, texts: Mapping[str, str]) -> str:
    """What stands for these texts of a template: it comes back with the second press."""
    return hashlib.sha256(json.dumps([template_id, texts], sort_keys=True).encode()).hexdigest()


def agreed(given: str | None, mark: str) -> bool:
    """True where the operator saw the warning for these very texts."""
    return hmac.compare_digest((given or "").encode(), mark.encode())


def no_longer(report: Report) -> WrongState:
    """The error that stops the first press."""
    count = f"{report.broken:,} of the last {report.tried:,} sends" if report.tried > 1 else "The last send"
    return WrongState(
        f"{count} would now fail.", field="confirmed",
        remedy="Look at the first one below. Nothing is saved yet: press the button again to save all the same.",
    )
