"""The terms of a broadcast: all that is settled beforehand but who belongs to the audience. Plain data, compared and hashed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.config import settings
from tasks.models.words import CHANNEL_NAMES
from tasks.options import SendOptions
from tasks.plan import BROADCAST_EXPIRES_AFTER, Plan

NAMES = {
    "template": "Template", "version": "Text of the template", "data": "Variables", "audience": "Audience",
    "notification_type": "Type", "channels": "Channels", "waits": "Channels that wait until it is not read",
    "mandatory": "Whether opt-outs count", "send_at": "Start", "timezone": "Time zone", "window": "Window",
    "rate_per_minute": "Most messages a minute", "lasts": "Given up after", "is_test": "Test",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A term that is another one than it was, in words."""

    what: str
    before: str
    now: str


def terms_of(audience: Any, slug: str, data: Mapping[str, Any], plan: Plan, options: SendOptions) -> dict[str, Any]:
    """The terms as plain JSON: what is sent, on which channels, to which audience as it was named, when and how fast."""
    policy = plan.policy
    forced = options.channels is not None
    starts = options.starts_at
    return {
        "template": slug, "version": plan.version_id, "notification_type": plan.notification_type, "data": dict(data),
        "audience": audience, "channels": list(options.channels if options.channels is not None else policy.channels),
        "waits": {} if forced else dict(policy.escalate), "mandatory": policy.mandatory,
        "send_at": starts.isoformat() if starts else None, "timezone": options.timezone, "window": options.window,
        "rate_per_minute": options.rate_per_minute,
        "lasts": options.expires_in or policy.expires_after or BROADCAST_EXPIRES_AFTER,
        "is_test": options.rights is not None and options.rights.is_test,
    }


def hash_of(terms: Mapping[str, Any], audience_digest: str) -> str:
    """The plan's hash: 32 hexadecimal digits over the terms and the people."""
    text = json.dumps([terms, audience_digest], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def changes(before: Mapping[str, Any], now: Mapping[str, Any], numbers: Mapping[int, int]) -> list[Change]:
    """Every term that differs, in words. `numbers`: {version id: its number}, of both versions."""
    return [
        Change(NAMES[name], _words(name, before.get(name), numbers), _words(name, now[name], numbers))
        for name in now if before.get(name) != now[name]
    ]


def _words(name: str, value: Any, numbers: Mapping[int, int]) -> str:
    if name == "version":
        return f"version {numbers.get(value, '?')}"
    if name == "channels":
        return ", ".join(["In-app", *(CHANNEL_NAMES.get(one, one) for one in value or ())])
    if name == "send_at":
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC" if value else "at once"
    if name == "lasts":
        return f"{value:g} s"
    if value in (None, "", {}):
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def price_of(segments: int) -> str | None:
    """What SMS segments cost, like "12.50 NPR"; None where no price is set."""
    config = settings()
    if not config.sms_price:
        return None
    return f"{config.sms_price * segments:,.2f} {config.sms_currency}".strip()
