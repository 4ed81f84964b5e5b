"""What answers look like. The documentation at /openapi.json is drawn from here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.resource import leads_to


class DeliveryAnswer(BaseModel):
    """One channel of a message."""

    id: UUID
    channel: str
    status: str
    reason: str = Field(description="Why it was skipped or failed; empty where all is well.")


class NotifyAnswer(BaseModel):
    """A message that is on record."""

    model_config = ConfigDict(openapi_extra=leads_to("notifications_show", "notification_id"))  # type: ignore[typeddict-unknown-key]

    notification_id: UUID
    status: str
    deliveries: list[DeliveryAnswer]


class AttemptAnswer(BaseModel):
    """One try at one target, with the provider's own words."""

    number: int
    provider: str
    target: str = Field(description="Masked.")
    outcome: str
    code: str
    response: str
    at: datetime
    duration_ms: int


class DeliveryLogAnswer(DeliveryAnswer):
    """One channel of a message, with its attempts."""

    detail: str
    provider: str
    simulated: bool
    unless: str | None = Field(description='"read": it waits, and rings only if the message is not read by `next_attempt_at`.')
    next_attempt_at: datetime | None
    attempts: list[AttemptAnswer]


class NotificationAnswer(BaseModel):
    """A message and what became of it."""

    notification_id: UUID
    status: str = Field(description="queued, sending, retrying, sent, partly_failed, failed or unknown.")
    recipient_id: str
    template_name: str
    template_version: int
    notification_type: str
    title: str
    message: str
    data: dict[str, Any]
    is_read: bool
    is_test: bool = Field(description="No figure counts it. Of a test key nothing left; an operator's test send did.")
    created_at: datetime
    broadcast_id: UUID | None
    deliveries: list[DeliveryLogAnswer]


class ItemError(BaseModel):
    """Why nothing could be recorded for one person."""

    code: str
    detail: str
    field: str
    remedy: str


class BulkItem(BaseModel):
    """What became of one entry."""

    index: int
    recipient_id: str
    status: str
    notification_id: UUID | None = None
    deliveries: list[DeliveryAnswer] | None = None
    error: ItemError | None = None


class BulkAnswer(BaseModel):
    """What became of every entry, in order."""

    status: str
    total: int
    success_count: int
    failure_count: int
    results: list[BulkItem]


class BroadcastAnswer(BaseModel):
    """A broadcast that was accepted."""

    model_config = ConfigDict(openapi_extra=leads_to("broadcasts_show", "broadcast_id"))  # type: ignore[typeddict-unknown-key]

    broadcast_id: UUID
    status: str
    is_broadcast: bool


class CanaryAnswer(BaseModel):
    """The people who go first."""

    people: int
    share: float
    wait: int | None = Field(description="Seconds; null: the others follow when somebody resumes it.")
    verdict: str = Field(description="good, bad, unclear; empty while it is out.")
    ended_at: datetime | None = Field(description="When the others were let go.")


class ApprovalAnswer(BaseModel):
    """Whether a second person approves."""

    answer: str = Field(description="approved, rejected, void (something moved), withdrawn; empty while nobody has answered.")
    audience_count: int | None
    asked_by: str
    asked_at: datetime
    answered_by: str
    answered_at: datetime | None
    word: str
    difference: list[list[str]] = Field(description="[what, before, now] of whatever moved.")


class BroadcastStatusAnswer(BroadcastAnswer):
    """A broadcast and its counts."""

    is_test: bool
    detail: str
    pause_reason: str = Field(description="Why it paused by itself; empty where somebody paused it.")
    template_name: str
    template_version: int
    audience: Any
    audience_label: str
    audience_count: int = Field(description="People in the audience, which is settled when the sending starts; 0 before.")
    expanded_count: int = Field(description="Of them, those whose deliveries are written: all, once audience_complete.")
    audience_complete: bool
    counts: dict[str, dict[str, int]] = Field(description="Deliveries by channel and state.")
    created_by: str
    created_at: datetime
    send_at: datetime | None
    send_at_local: str | None = Field(description="The wall clock's time that was asked for, in `timezone`.")
    timezone: str
    window: str | None
    rate_per_minute: int | None
    undo_until: datetime | None = Field(description="Nothing is written before; a cancel until then leaves nothing at all.")
    canary: CanaryAnswer | None
    approval: ApprovalAnswer | None = Field(description="The latest question for approval, where one was asked.")
    waiting_for: str = Field(description="In words, like `09:00 Europe/Berlin`; empty where it runs or has ended.")
    next_at: datetime | None = Field(description="The next instant at which something happens, where it waits for one.")
    expires_at: datetime | None
    started_at: datetime | None
    frozen_at: datetime | None
    expanded_at: datetime | None
    finished_at: datetime | None


class ResentAnswer(BaseModel):
    """A message that is on its way once more."""

    notification_id: UUID = Field(description="The message: the same as before where its delivery was put back.")
    channel: str
    reopened: bool = Field(description="The same delivery goes out again; else a new message repeats the old one.")


class OptOutAnswer(BaseModel):
    """Something a person does not want."""

    notification_type: str
    channel: str | None


class PreferenceAnswer(BaseModel):
    """All that a person does not want now."""

    recipient_id: str
    opted_out: list[OptOutAnswer]


class DeviceAnswer(BaseModel):
    """A push target of a person, without its token."""

    kind: str
    platform: str
    is_active: bool


class RecipientAnswer(BaseModel):
    """A person, as they are kept."""

    id: str
    name: str
    email: str
    phone: str
    locale: str
    timezone: str
    country: str
    attributes: dict[str, Any]
    is_active: bool
    devices: list[DeviceAnswer]
    opted_out: list[OptOutAnswer]
    created_at: datetime
    updated_at: datetime
