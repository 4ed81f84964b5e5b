"""Public ids without a column: a row's number, sealed into a UUID with the installation's key.

A random UUID column costs an index write per message, and integer keys alone would tell outsiders how much is sent. The seal is a
synthetic-IV construction (the idea of RFC 5297): 74 bits of a keyed hash of (kind, number), and the 48-bit number masked with a
keyed hash of those. So it is stable, cannot be counted or forged, and opens back to the row by primary key.
"""

import hashlib
import uuid
from functools import lru_cache

from flask import current_app

NOTIFICATION, DELIVERY, BROADCAST = b"n", b"d", b"b"
TAG_BITS, NUMBER_BITS = 74, 48


def prepare() -> None:
    """Read the installation's key now. Inside a transaction it would want a second connection, and the pool may be empty."""
    current_app.extensions["carillon.public_id_key"]()


def encode(kind: bytes, number: int) -> uuid.UUID:
    """The public id of row `number`. Needs an app context (for the installation's key)."""
    return uuid.UUID(int=_seal(kind, number))


def text(kind: bytes, number: int) -> str:
    """`str(encode(kind, number))`, in half the time: every message that is shown asks for it."""
    digits = f"{_seal(kind, number):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def decode(kind: bytes, public: uuid.UUID | str) -> int | None:
    """The row number behind a public id, or None where the id is not one of ours of this kind."""
    key: bytes = current_app.extensions["carillon.public_id_key"]()
    try:
        bits = (public if isinstance(public, uuid.UUID) else uuid.UUID(str(public))).int
    except ValueError:
        return None
    payload = ((bits >> 80) << 74) | (((bits >> 64) & 0xFFF) << 62) | (bits & (1 << 62) - 1)
    tag, masked = payload & (1 << TAG_BITS) - 1, payload >> TAG_BITS
    number = masked ^ _mask(key, tag)
    valid = _tag(key, kind, number) == tag and _layout(tag, masked) == bits
    return number if valid else None


def _seal(kind: bytes, number: int) -> int:
    key: bytes = current_app.extensions["carillon.public_id_key"]()
    tag = _tag(key, kind, number)
    return _layout(tag, number ^ _mask(key, tag))


@lru_cache(maxsize=64)
def _keyed(key: bytes, person: bytes, size: int) -> hashlib.blake2b:
    """A hash that has taken in the key: a copy of it costs half of a new one."""
    return hashlib.blake2b(key=key, person=person, digest_size=size)


def _tag(key: bytes, kind: bytes, number: int) -> int:
    found = _keyed(key, kind, 16).copy()
    found.update(number.to_bytes(8, "big"))
    return int.from_bytes(found.digest(), "big") & (1 << TAG_BITS) - 1


def _mask(key: bytes, tag: int) -> int:
    found = _keyed(key, b"mask", 6).copy()
    found.update(tag.to_bytes(10, "big"))
    return int.from_bytes(found.digest(), "big")


def _layout(tag: int, masked: int) -> int:
    """122 payload bits around version 8 and variant 10 (RFC 9562, section 5.8)."""
    payload = (masked << TAG_BITS) | tag
    high, middle, low = payload >> 74, (payload >> 62) & 0xFFF, payload & (1 << 62) - 1
    return (high << 80) | (0x8 << 76) | (middle << 64) | (0b10 << 62) | low
