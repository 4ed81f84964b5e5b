"""What the answers about rounds and proofs look like. The documentation at /openapi.json is drawn from here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class ChoiceAnswer(BaseModel):
    """Deliveries that could be sent again."""

    channel: str
    state: str
    reason: str
    count: int
    words: str = Field(description="Why they did not get through.")
    warning: str = Field(description="What to know before they are sent again; often empty.")


class ChosenAnswer(BaseModel):
    """What a round was asked for; null is anything."""

    channel: str | None
    state: str | None
    reason: str | None


class RoundAnswer(BaseModel):
    """One more round over what did not get through. The first has the number 2."""

    number: int
    count: int
    chosen: list[ChosenAnswer]
    created_by: str
    created_at: datetime
    is_open: bool = Field(description="A worker still puts deliveries back into the queue.")


class ChoicesAnswer(BaseModel):
    """What of a broadcast could be sent again."""

    broadcast_id: UUID
    status: str
    round: int
    can_finish: bool
    choices: list[ChoiceAnswer]
    rounds: list[RoundAnswer]


class FinishAnswer(BaseModel):
    """A round that was started."""

    broadcast_id: UUID
    status: str
    round: int
    count: int = Field(description="Deliveries that are sent again.")


class ClauseAnswer(BaseModel):
    """One rule of the law of the ledger."""

    name: str
    words: str
    holds: bool
    numbers: dict[str, Any]


class ProofAnswer(BaseModel):
    """What the rows of a broadcast say."""

    taken_at: datetime
    holds: bool = Field(description="Every clause holds.")
    at_rest: bool = Field(description="It has ended, and nothing of it is open.")
    broadcast: dict[str, Any] = Field(description="With its audience as asked, its frozen definition, and its rounds.")
    counts: dict[str, dict[str, int]] = Field(description="Deliveries by channel and state.")
    clauses: list[ClauseAnswer]
    rows: int
    sha256: str = Field(description="Over the lines of the export, without its head and tail.")
    sha256_anonymous: str = Field(description="The same for the anonymous form.")
