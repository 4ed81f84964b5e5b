"""What requests and answers about webhooks look like."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from dashboard.api.schemas import Body, Parameters
from tasks.models import Webhook, WebhookCall
from tasks.outbox import EVENTS

Url = Annotated[str, Field(min_length=1, max_length=2_000, examples=["https://shop.example.org/carillon"])]
Events = Annotated[list[str], Field(max_length=20, description=f"Empty: all. Of {', '.join(EVENTS)}.")]
Words = Annotated[str, Field(max_length=200)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class WebhookBody(Body):
    """A webhook to be made."""

    url: Url
    events: Events = []
    description: Words = ""


class WebhookChange(Body):
    """What is to be different; what is left out stays."""

    url: Url | None = None
    events: Events | None = None
    description: Words | None = None
    is_active: bool | None = None


class WebhookPath(Parameters):
    """A webhook's number."""

    id: Number


class CallPath(WebhookPath):
    """One call of a webhook."""

    call_id: Number


class WebhookAnswer(BaseModel):
    """A webhook."""

    id: int
    url: str
    events: list[str]
    description: str
    is_active: bool
    off_reason: str = Field(description="Why it was switched off by itself; empty where it was not.")
    failing_since: datetime | None = Field(description="Since when no call got through.")
    created_at: datetime


class MadeWebhookAnswer(WebhookAnswer):
    """A webhook just made, with its secret."""

    secret: str = Field(description="Shown only now. Give it to any Standard Webhooks library.", examples=["whsec_..."])


class WebhooksAnswer(BaseModel):
    """All webhooks."""

    webhooks: list[WebhookAnswer]


class SecretAnswer(BaseModel):
    """A new secret, shown only now."""

    secret: str


class CallAnswer(BaseModel):
    """One event for one webhook."""

    id: int
    event: str
    event_id: str
    state: str = Field(description="queued, sending, retrying, sent or failed.")
    attempts: int
    status: int | None = Field(description="HTTP status of the last answer; null where there was none.")
    answer: str = Field(description="Its beginning, or why there was none.")
    payload: dict[str, Any]
    created_at: datetime
    next_attempt_at: datetime | None


class CallsAnswer(BaseModel):
    """The last calls of a webhook, newest first."""

    calls: list[CallAnswer]


def webhook_answer(row: Webhook) -> WebhookAnswer:
    """A webhook as it is answered."""
    return WebhookAnswer(
        id=row.id, url=row.url, events=row.events, description=row.description, is_active=row.is_active,
        off_reason=row.off_reason, failing_since=row.failing_since, created_at=row.created_at,
    )


def call_answer(row: WebhookCall) -> CallAnswer:
    """A call as it is answered."""
    return CallAnswer(
        id=row.id, event=row.event, event_id=row.event_id, state=row.state, attempts=row.attempt_count, status=row.status,
        answer=row.answer, payload=row.payload, created_at=row.created_at,
        next_attempt_at=row.next_attempt_at if row.state in {"queued", "retrying"} else None,
    )
