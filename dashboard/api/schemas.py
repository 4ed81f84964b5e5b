"""What requests look like. The documentation at /openapi.json is drawn from here."""

from functools import cache
from typing import Annotated, Any, Self
from uuid import UUID

from flask import request
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from dashboard.api.fields import Audience, Channel, ExternalId, PathId, Phone, SendAt, Token
from tasks.errors import InvalidParameter
from tasks.options import MAX_CANARY, MAX_CANARY_WAIT, MAX_UNDO

MOST_RECIPIENTS = 1_000
LONGEST_EXPIRY = 30 * 86_400

Data = Annotated[dict[str, Any], Field(description="The template's variables, 64 KB at most.", examples=[{"amount": 1}])]
Slug = Annotated[str, Field(min_length=1, max_length=200, examples=["payment_success"])]
Text = str | None


class Body(BaseModel):
    """A request's body: fields that we do not know are refused by name, and types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RecipientFields(Body):
    """What may be said of a person. A field left out stays as it is; an empty or null one is cleared."""

    name: Text = None
    email: Text = Field(None, examples=["maya@example.org"])
    phone: Phone | None = None
    locale: Text = Field(None, description="BCP 47, like ne or pt-BR.")
    timezone: Text = Field(None, description="IANA, like Asia/Kathmandu.")
    country: Text = Field(None, description="ISO 3166, two letters.")
    tokens: list[Token] | None = Field(None, description="Push tokens to add. One belongs to the last it came with.")
    attributes: dict[str, Any] | None = Field(None, description="Anything else; a null removes that attribute.")


class RecipientBody(RecipientFields):
    """A person, as they travel with every request: known ids are updated from it, unknown ones are created."""

    id: ExternalId
    channel: Channel | None = None


class BulkRecipientBody(RecipientBody):
    """A person of a bulk call, who may have variables of their own."""

    data: Data | None = None


class TemplateBody(Body):
    """What every send has: a template and its variables."""

    template_name: Slug
    data: Data = {}
    channel: Channel | None = None
    expires_in: float | None = Field(None, gt=0, le=LONGEST_EXPIRY, description="Seconds; later it is not sent any more.")
    priority: int | None = Field(None, ge=0, le=9, description="0 goes first, 9 last.")
    dry_run: bool = Field(False, description="Only try: check, render and route everything, store and send nothing.")


class NotifyBody(TemplateBody):
    """One message to one person."""

    recipient: RecipientBody
    async_: bool = Field(True, alias="async", description="false: send everything before answering.")


class BulkBody(TemplateBody):
    """The same message to up to 1,000 people. Each entry is checked by itself: a bad one stops nobody else."""

    recipients: list[SkipValidation[BulkRecipientBody]] = Field(min_length=1, max_length=MOST_RECIPIENTS)
    async_: bool = Field(True, alias="async", description="false: send everything before answering.")


class CanaryBody(Body):
    """Some people get it first, and decide by how they fare whether the others do."""

    people: int = Field(ge=1, le=MAX_CANARY, description="So many of the audience go first.")
    share: float | None = Field(None, ge=0, le=1, description="Where more of them fail on a channel it stops. Null: the setting.")
    wait: int | None = Field(
        0, ge=0, le=MAX_CANARY_WAIT,
        description="Seconds after their last result until the others follow. Null: when somebody resumes it.",
    )


class BroadcastBody(TemplateBody):
    """One message to an audience."""

    audience: Audience
    exclude: list[Slug] = Field([], max_length=20, description="Segments, by slug, whose people are left out.")
    plan_hash: str | None = Field(
        None, min_length=1, max_length=64, examples=["9f86d081884c7d659a2feaa0c55ad015"],
        description="What a dry run answered. It is sent to exactly those people, or refused with 409 `plan_moved` where content "
        "or audience are not what the dry run found; `content` and `audience` of that answer say what moved.",
    )
    send_at: SendAt | None = None
    timezone: str = Field("", max_length=100, description="IANA: of `send_at` and `window`.", examples=["Europe/Berlin"])
    window: str | None = Field(
        None, max_length=30, examples=["09:00-20:00"],
        description="The part of every day, in `timezone`, in which something may go out. Over midnight too: 22:00-06:00.",
    )
    rate_per_minute: int | None = Field(
        None, ge=1, le=1_000_000, description="Messages handed to providers a minute, all workers together."
    )
    canary: CanaryBody | None = None
    undo_seconds: float = Field(0, ge=0, le=MAX_UNDO, description="It starts only then; a cancel before leaves nothing written.")
    confirm_count: int | None = Field(
        None, ge=0, description="How many people you believe it goes to. Refused with 409 where there are more or fewer."
    )


class ChoiceBody(Body):
    """Which deliveries are sent again; what is left out may be anything."""

    channel: str | None = Field(None, examples=["email"])
    state: str | None = Field(None, examples=["failed"], description="failed, unknown, skipped, expired, or bounced by name.")
    reason: str | None = Field(None, examples=["gave_up"], description="As the choices list it.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.channel is None and self.state is None and self.reason is None:
            raise ValueError("name a channel, a state or a reason")
        return self


class ResendBody(Body):
    """On which channel a message is sent again."""

    channel: str = Field(description="One of its channels. in_app: as a new message in the inbox.", examples=["email"])


class FinishBody(Body):
    """What of a broadcast is sent again: by channel, state and reason, or by reasons alone."""

    chosen: list[ChoiceBody] | None = Field(None, min_length=1, max_length=200)
    reasons: list[str] | None = Field(None, min_length=1, max_length=200, examples=[["gave_up", "in_doubt"]])

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.chosen is None) == (self.reasons is None):
            raise ValueError("give either `chosen` or `reasons`")
        return self


class PreferenceBody(Body):
    """Whether a person wants a type of notification, on one channel or (null) on all."""

    notification_type: str = Field(min_length=1, max_length=200)
    channel: Channel | None = None
    opted_out: bool


class Parameters(BaseModel):
    """Headers, or what stands in the address. flask-openapi3 asks for their JSON schema on every request: it is made once."""

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As pydantic makes it, remembered."""
        return _schema_of(cls, args, tuple(kwargs.items()))


@cache
def _schema_of(model: type[Parameters], args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return super(Parameters, model).model_json_schema(*args, **dict(kwargs))


class Query(Parameters):
    """What stands behind the `?`. A name that is none of them is refused: whoever misspells `before` gets page one for ever."""

    @model_validator(mode="before")
    @classmethod
    def _knows_all(cls, value: Any) -> Any:
        unknown = next((name for name in request.args if name not in cls.model_fields), None)
        if unknown is not None:
            error = InvalidParameter(
                f"{unknown[:60]!r} is no parameter of this address.", field=unknown[:60],
                remedy=f"It takes {', '.join(cls.model_fields)}.",
            )
            error.code = "unknown_field"
            raise error
        return value


class SendHeaders(Parameters):
    """Headers of a POST that sends."""

    idempotency_key: str | None = Field(
        None, alias="Idempotency-Key", min_length=1, max_length=255,
        description="A repeat with the same key and body gets the first answer again, and nothing is sent twice.",
    )


class RecipientPath(Parameters):
    """A person's own id."""

    id: PathId


class ExportQuery(Query):
    """Which form of the export."""

    anonymous: bool = Field(False, description="People as seals that only this installation opens, and no provider's references.")


class PublicPath(Parameters):
    """The id that an earlier answer gave."""

    id: UUID
