"""What a hand-over came to, for the figures and the log. Ids only: whose messages they are stays in the database."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks import metrics, public_id

if TYPE_CHECKING:
    from tasks.ledger.result import Result, Try

log = logging.getLogger(__name__)


def tell(results: Sequence["Result"], tries: Sequence["Try"]) -> None:
    """Count them, but for tests, and say so in the log where it listens."""
    tests = {result.delivery_id for result in results if result.is_test}
    metrics.closed((result.channel, result.state) for result in results if not result.is_test)
    metrics.tried((entry.provider, entry.outcome, entry.duration_ms) for entry in tries if entry.delivery_id not in tests)
    if log.isEnabledFor(logging.INFO):
        for result in results:
            words = {"channel": result.channel, "state": result.state, "reason": result.reason, "provider": result.provider}
            log.info("delivery", extra={"delivery_id": public_id.text(public_id.DELIVERY, result.delivery_id), **words})
