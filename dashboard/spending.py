"""What a caller of the API has left of its requests and messages a minute: counted on the way in, shown on the way out."""

from flask import Flask, Response, current_app, g

from dashboard.limits import Budgets, headers
from tasks.config import settings
from tasks.errors import InvalidOption, RateLimited

PERSON_RATE = 600  # requests a minute that a person's apps may make for their inbox


def init_spending(app: Flask) -> None:
    """Count requests on `app`, and show on every answer what is left."""
    app.extensions["carillon.budgets"] = Budgets()
    app.after_request(_show)


def spend() -> None:
    """Count the request of `g.person`, or else of `g.api_key`: a key and those it was rotated to share one budget.

    Raises RateLimited.
    """
    if g.person is not None:
        _spend("person", f"person:{g.person}", PERSON_RATE)
        return
    quota = g.api_key.rate_per_minute or settings().api_rate
    if quota:
        _spend("key", f"key:{g.api_key.family or g.api_key.id}", quota)


def spend_messages(count: int) -> None:
    """Count the messages that the request sends to people it names, where MESSAGE_RATE bounds them.

    Raises RateLimited, and InvalidOption where there are more than the key may ever send at once.
    """
    quota = settings().message_rate
    if not quota or not count:
        return
    if count > quota:
        raise InvalidOption(
            f"A key may send {quota} messages a minute, and these are {count}.", field="recipients",
            remedy="Send fewer at once, or raise CARILLON_MESSAGE_RATE.",
        )
    _spend("messages", f"messages:{g.api_key.family or g.api_key.id}", quota, count)


def _spend(policy: str, name: str, quota: int, units: int = 1) -> None:
    budgets: Budgets = current_app.extensions["carillon.budgets"]
    found = budgets.spend(policy, name, quota, units)
    g.budgets = (*g.get("budgets", ()), found)
    if found.wait:
        what = "messages" if policy == "messages" else "requests"
        raise RateLimited(
            f"More than {quota} {what} in a minute.", policy, seconds=found.wait,
            remedy="Wait as long as Retry-After says, and send less at once.",
        )


def _show(answer: Response) -> Response:
    answer.headers.update(headers(g.get("budgets", ())))
    return answer
