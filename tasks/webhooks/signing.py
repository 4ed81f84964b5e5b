"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over "id.timestamp.body", one for each secret in force."""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence

PREFIX = "whsec_"
BYTES = 32


def new_secret() -> str:
    """A secret as its receiver gets it: whsec_ and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(random.token_bytes(BYTES)).decode()


def headers(secrets: Sequence[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a call. `timestamp` in seconds since 1970, of this try: receivers refuse old ones."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    found = [base64.b64encode(hmac.digest(_bytes(secret), signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{one}" for one in found),
    }


def _bytes(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
