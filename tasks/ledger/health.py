"""What a hand-over tells of its provider: one recipient's trouble is not an outage, a refused connection is."""

from collections.abc import Sequence

from tasks.channels.base import Channel, Outcome
from tasks.database import writing
from tasks.ledger import breaker
from tasks.ledger.breaker import Permit

# Codes of temporary failures that speak of the provider and not of the message: ours, SMTP's 421 (RFC 5321, section 3.8), FCM's.
DOWN = {"unreachable", "busy", "sign_in", "closed", "421", "UNAVAILABLE", "INTERNAL"}


def report(provider: Channel, outcomes: Sequence[Outcome], permit: Permit) -> bool:
    """Tell the breaker how a hand-over went. True where the provider is held to be down: then a failed try does not count.

    Wrong credentials open it at once, unless somebody's message got through all the same.
    """
    if not provider.has_breaker or not outcomes:
        return False
    errors = failing(outcomes)
    if not errors:
        if permit != "healthy" and any(outcome.status in {"sent", "permanent"} for outcome in outcomes):
            with writing() as connection:
                breaker.succeeded(connection, provider.name)
        return False
    ours = any(outcome.status == "configuration" for outcome in outcomes)
    nobody = not any(outcome.status == "sent" for outcome in outcomes)
    words = next(outcome.telling.response for outcome in reversed(outcomes) if is_down(outcome))
    with writing() as connection:
        down = breaker.is_open(connection, provider.name)
        breaker.failed(connection, provider.name, errors, words, at_once=ours and nobody)
    return down


def is_down(outcome: Outcome) -> bool:
    """True where the failure is the provider's or our own settings', not this one message's."""
    if outcome.status == "configuration":
        return True
    code = outcome.telling.code
    server = code.isdigit() and 500 <= int(code) <= 599
    return outcome.status == "temporary" and outcome.retry_after is None and (code in DOWN or server)


def failing(outcomes: Sequence[Outcome]) -> int:
    """How many failed one after the other, up to the last, through no fault of their own."""
    count = 0
    for outcome in outcomes:
        count = count + 1 if is_down(outcome) else 0
    return count
