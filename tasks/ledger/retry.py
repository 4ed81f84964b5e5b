"""When a delivery that could not be sent is tried again."""

from collections.abc import Sequence

MAX_RETRY_AFTER = 86_400.0  # seconds: a provider that asks for more is not believed


def next_delay(delays: Sequence[int], attempt: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next try after attempt number `attempt` (1 = the first), or None where it was the last.

    `delays` is the schedule, [60, 120, 180] by default: so at most one attempt more than it has entries. A provider's longer
    Retry-After (RFC 9110, section 10.2.3) wins over the schedule, up to a day.
    """
    if attempt > len(delays):
        return None
    return max(float(delays[attempt - 1]), min(retry_after or 0.0, MAX_RETRY_AFTER))
