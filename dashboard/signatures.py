"""The signature that a provider's bridge puts on what it says at /receipts/: Standard Webhooks' own."""

import hmac
import re
import time

from flask import request

from tasks.config import settings
from tasks.errors import Unauthenticated
from tasks.webhooks import signing

MOMENT = re.compile(r"[0-9]{1,12}")  # seconds since 1970
WINDOW = 300  # seconds, either way: an older signature may be somebody's recording


def check_request() -> None:
    """Raise Unauthenticated unless this request is signed with CARILLON_RECEIPTS_SECRET, and now."""
    secret = settings().receipts_secret
    if not secret:
        raise Unauthenticated(
            "Receipts are not switched on here.", field="webhook-signature", remedy="Set CARILLON_RECEIPTS_SECRET on the server."
        )
    event_id, moment = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not event_id or not MOMENT.fullmatch(moment) or abs(int(moment) - time.time()) > WINDOW:
        raise Unauthenticated(
            "The signature's headers are missing, or older than five minutes.", field="webhook-timestamp",
            remedy="Sign each request anew, with a clock that is right.",
        )
    expected = signing.headers([secret], event_id, int(moment), request.get_data())["webhook-signature"]
    given = request.headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
        raise Unauthenticated(
            "The signature is wrong.", field="webhook-signature", remedy="Sign id.timestamp.body with the secret."
        )
