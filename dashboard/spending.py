"""What a caller of the API has left of its requests a minute: counted on the way in, shown on the way out."""

from flask import Flask, Response, current_app, g

from dashboard.limits import Budget, Budgets
from tasks.config import settings
from tasks.errors import RateLimited

PERSON_RATE = 600  # requests a minute that a person's apps may make for their inbox


def init_spending(app: Flask) -> None:
    """Count requests on `app`, and show on every answer what is left."""
    app.extensions["carillon.budgets"] = Budgets()
    app.after_request(_show)


def spend() -> None:
    """Count the request of `g.person`, or else of `g.api_key`: a key and those it was rotated to share one budget.

    Raises RateLimited.
    """
    budgets: Budgets = current_app.extensions["carillon.budgets"]
    if g.person is not None:
        g.budget = budgets.spend("person", f"person:{g.person}", PERSON_RATE)
    else:
        quota = g.api_key.rate_per_minute or settings().api_rate
        if not quota:
            return
        g.budget = budgets.spend("key", f"key:{g.api_key.family or g.api_key.id}", quota)
    if g.budget.wait:
        raise RateLimited(
            f"More than {g.budget.quota} requests in a minute.", g.budget.policy, seconds=g.budget.wait,
            remedy="Wait as long as Retry-After says, and send less at once.",
        )


def _show(answer: Response) -> Response:
    budget: Budget | None = g.get("budget")
    if budget is not None:
        answer.headers.update(budget.headers())
    return answer
