"""What a provider is given: a message, and the targets it goes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: an address, an E.164 number, a device token, or a recipient's public id (in-app)."""

    address: str
    kind: str = ""  # devices: "token" or "fid"
    device_id: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery, ready to hand over.

    `reference` is the same on every attempt of it, and goes to the provider: whoever can, drops repeats by it.
    """

    delivery_id: int
    reference: str
    channel: str
    targets: tuple[Target, ...]
    title: str
    text: str
    html: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    notification_id: str = ""
    notification_type: str = ""
    attempt: int = 1
    recipient_name: str = ""


def mask(address: str) -> str:
    """An address as logs and lists show it: enough to recognise, too little to use."""
    if "@" in address:
        local, _, domain = address.partition("@")
        return f"{local[:2]}…@{domain}"
    return f"{address[:4]}…{address[-3:]}" if len(address) > 9 else f"{address[:2]}…"
