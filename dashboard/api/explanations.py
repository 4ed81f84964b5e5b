"""Why: what became of each channel of a message, and what would become of it now. And how tried calls are answered."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from flask import jsonify
from pydantic import BaseModel, Field, RootModel

from dashboard.api.answers import AttemptAnswer, BulkAnswer, ItemError, NotifyAnswer
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import Body, Data, PublicPath, RecipientBody, Slug
from dashboard.api.sending import key_rights, own_channels
from dashboard.auth import api_key
from tasks import rehearsal
from tasks.errors import UnknownNotification
from tasks.explain import explain
from tasks.options import SendOptions

STATUS = "queued, skipped, sent, ... as a delivery's; `not_asked` where neither rule nor call asks for this channel."


class ForeseenChannel(BaseModel):
    """What would become of a channel, and why: exactly one reason."""

    channel: str
    status: str = Field(description=STATUS)
    reason: str = Field(description="A stable word.")
    explanation: str = Field(description="The reason in words.")


class RehearsedChannel(ForeseenChannel):
    """A channel of a tried call, with the message as it would arrive there; empty where it does not ring."""

    title: str
    message: str


class ExplainedChannel(ForeseenChannel):
    """A channel of a message on record, with its attempts."""

    next_at: datetime | None = Field(description="When something happens next, where that is known.")
    attempts: list[AttemptAnswer]


class Foreseen(BaseModel):
    """What would become of every channel for one person now."""

    recipient_id: str
    template_name: str
    notification_type: str
    is_test: bool
    channels: list[ForeseenChannel]


class Rehearsed(Foreseen):
    """A tried call for one person: nothing was stored or sent."""

    dry_run: Literal[True]
    channels: list[RehearsedChannel]  # type: ignore[assignment]


class BulkRehearsedItem(BaseModel):
    """What would become of one entry."""

    index: int
    recipient_id: str
    channels: list[RehearsedChannel] | None = None
    error: ItemError | None = None


class BulkRehearsed(BaseModel):
    """A tried call for many people: nothing was stored or sent."""

    dry_run: Literal[True]
    total: int
    success_count: int
    failure_count: int
    results: list[BulkRehearsedItem]


class SkipAnswer(BaseModel):
    """People whom a channel would not reach, for one reason."""

    channel: str
    status: str = Field(description="skipped; failed where the text cannot be written for them.")
    reason: str
    count: int
    explanation: str


class FailingText(BaseModel):
    """Somebody for whom the template fails."""

    recipient_id: str
    detail: str


class TextsAnswer(BaseModel):
    """What was rendered to find out."""

    looked_at: int = Field(description="People whose own texts were rendered.")
    is_sample: bool = Field(description="true: the audience is larger, and the figures are reckoned from these people.")
    failing: list[FailingText] = Field(description="The first few for whom it fails.")


class SmsSizeAnswer(BaseModel):
    """SMS of one size."""

    encoding: Literal["GSM-7", "UCS-2"]
    segments: int
    messages: int


class SmsAnswer(BaseModel):
    """What the SMS come to."""

    messages: int
    segments: int
    cost: str | None = Field(description="At the price that is set; null where none is.", examples=["1,250.00 NPR"])
    sizes: list[SmsSizeAnswer]


class DurationAnswer(BaseModel):
    """How long it takes at the rates that are set."""

    seconds: float | None = Field(description="Of sending; null: no rate is set, it goes as fast as the providers take it.")
    ends_at: datetime | None = Field(description="With the pauses of the window.")
    too_slow: bool = Field(description="true: it would be given up before everybody had their turn.")


class BroadcastRehearsed(BaseModel):
    """A tried broadcast: nothing was sent, and nothing stored but the plan that a send can be held to."""

    dry_run: Literal[True]
    template_name: str
    notification_type: str
    is_test: bool
    audience_label: str
    audience_count: int | None = Field(description="People now; null for the outside source, which is read when it starts.")
    status: str = Field(description="queued: it would start at once; scheduled: at `send_at`.")
    send_at: datetime | None
    opens_at: datetime | None
    expires_at: datetime
    plan_hash: str = Field(description="Send with it, and it is this that is sent, or nothing.")
    skips: list[SkipAnswer]
    texts: TextsAnswer
    sms: SmsAnswer
    duration: DurationAnswer
    reach: dict[str, dict[str, int]] = Field(description="People by channel: `queued` or `sent`, and those skipped by reason.")
    sample: list[Rehearsed] = Field(description="The first few people, in full.")


class Explained(BaseModel):
    """Every channel of a message: exactly one reason each, also for those that were not tried."""

    notification_id: UUID
    recipient_id: str
    template_name: str
    notification_type: str
    is_test: bool
    channels: list[ExplainedChannel]


class ExplainBody(Body):
    """Whom and what to think of. Nothing is rendered: the variables do not matter."""

    template_name: Slug
    recipient: RecipientBody
    data: Data = {}


class NotifiedOrRehearsed(RootModel[NotifyAnswer | Rehearsed]):
    """All was tried; or, with `dry_run`, what would happen."""


class BulkOrRehearsed(RootModel[BulkAnswer | BulkRehearsed]):
    """All was tried; or, with `dry_run`, what would happen."""


api = resource("explanations", "Why a channel rang, or did not.")


@api.get("/notify/<uuid:id>/explain/", responses={200: Explained, **refusals(404)})
@api_key("read")
def explain_message(path: PublicPath) -> Answer:
    """One reason for every channel of a message, in words: also for those that were not tried."""
    found = explain(path.id)
    if found is None:
        raise UnknownNotification("No notification has this id.", field="id", remedy="Use the id that POST /notify/ gave.")
    return jsonify(found)


@api.post("/explain/", responses={200: Foreseen, **refusals(404, 409, *WITH_BODY)})
@api_key("read")
def explain_ahead(body: ExplainBody) -> Answer:
    """What would become of each channel for a person now, and why. Nothing is stored or sent; to see the texts too, try the call
    itself with `"dry_run": true`.
    """
    person = body.recipient.model_dump(exclude_unset=True, exclude={"channel"})
    options = SendOptions(channels=own_channels(body.recipient.channel, None), rights=key_rights())
    return jsonify(rehearsal.what_if(person, body.template_name, options))
