"""What Prometheus reads of a process: counted where it happens, exposed by the web process at /metrics.

Several processes of one host add up where PROMETHEUS_MULTIPROC_DIR names a folder that they share (prometheus-client's own way).
Labels are few and bounded: never a person, an address or a text.
"""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Histogram

ACCEPTED = Counter("carillon_notifications_accepted", "Notifications written down for people, by the door's kind.", ["kind"])
CLOSED = Counter("carillon_deliveries", "Results written, by the state a delivery came to.", ["channel", "state"])
ATTEMPTS = Counter("carillon_attempts", "Tries at a provider, by outcome.", ["provider", "outcome"])
HANDED = Histogram(
    "carillon_provider_seconds", "How long a provider held one message.", ["provider"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
REQUESTS = Counter("carillon_http_requests", "Answered HTTP requests.", ["route", "method", "status"])
SECONDS = Histogram(
    "carillon_http_seconds", "How long an HTTP request took.", ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def accepted(kind: str, count: int) -> None:
    """Count notifications written down: `kind` is single, bulk or broadcast."""
    if count:
        ACCEPTED.labels(kind).inc(count)


def closed(states: Iterable[tuple[str, str]]) -> None:
    """Count results, each (channel, state)."""
    for (channel, state), count in Tally(states).items():
        CLOSED.labels(channel, state).inc(count)


def tried(tries: Iterable[tuple[str, str, int]]) -> None:
    """Count tries, each (provider, outcome, milliseconds)."""
    for provider, outcome, milliseconds in tries:
        ATTEMPTS.labels(provider, outcome).inc()
        HANDED.labels(provider).observe(milliseconds / 1_000)


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count an HTTP answer. `route` is the rule, like /notify/<id>/, so that ids do not become labels."""
    REQUESTS.labels(route, method, str(status)).inc()
    SECONDS.labels(route, method).observe(seconds)
