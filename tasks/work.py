"""A leased delivery with all that sending it takes; and what the provider's outcomes make of its row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import update

from tasks.channels.base import UNTRIED, Channel, Message, Outcome, TargetResult, mask
from tasks.database import writing
from tasks.ledger import health, retry
from tasks.ledger.breaker import Permit
from tasks.ledger.result import Result, Try
from tasks.models import Device
from tasks.models.words import FAILED, QUEUED, RETRY, RETRYING, SENT, SKIPPED, UNKNOWN
from tasks.plan import Policy


@dataclass(frozen=True, slots=True)
class Work:
    """One leased delivery with all that its provider and its ledger row need.

    `problem`: a reason why it cannot go. `reached`: an earlier attempt got through to some of its targets. `is_test`: it
    counts in no figure, and the simulator gets it, whatever provider the channel has; unless it `is_trial`: then it leaves.
    """

    delivery_id: int
    broadcast_id: int | None
    channel: str
    attempt: int
    policy: Policy
    message: Message | None
    problem: str = ""
    detail: str = ""
    round: int = 1
    reached: bool = False
    is_test: bool = False
    is_trial: bool = False

    @property
    def is_simulated(self) -> bool:
        """True where nothing leaves."""
        return self.is_test and not self.is_trial


@dataclass(frozen=True, slots=True)
class Answers:
    """What a hand-over came to, ready to be written."""

    results: list[Result]
    tries: list[Try]
    dead: Sequence[TargetResult] = ()  # whose target is no more
    failing: bool = False  # the provider's or our settings' fault


def answers(
    provider: Channel, batch: Sequence[Work], started: datetime, outcomes: Sequence[Outcome], permit: Permit
) -> Answers:
    """What a hand-over's outcomes make of its rows. The breaker is told first: while it is open, a failed try does not count."""
    down = health.report(provider, outcomes, permit)
    together = list(zip(batch, outcomes, strict=True))
    return Answers(
        [replace(_result(entry, outcome, provider, down), is_test=entry.is_test) for entry, outcome in together],
        [line for entry, outcome in together for line in _tries(entry, outcome, provider, started)],
        [result for outcome in outcomes for result in outcome.results if result.dead_target],
        bool(health.failing(outcomes)),
    )


def _result(entry: Work, outcome: Outcome, provider: Channel, down: bool) -> Result:
    word = outcome.telling
    kept = (entry.delivery_id, entry.broadcast_id, entry.channel)
    if outcome.status == "sent":
        return Result(*kept, SENT, "", word.response, provider.name)
    if outcome.status == "permanent":
        state, reason = (SENT, "") if entry.reached else (FAILED, word.code or "refused")
        return Result(*kept, state, reason, word.response, provider.name)
    if outcome.status == "unknown" and not (provider.idempotent or entry.policy.on_unknown == RETRY):
        return Result(*kept, UNKNOWN, "in_doubt", word.response, provider.name)
    untried = word.code == UNTRIED
    if untried or (down and outcome.status != "unknown"):
        state = QUEUED if entry.attempt == 1 else RETRYING
        return Result(*kept, state, "" if untried else word.code, word.response, provider.name, delay=0, spent=False)
    delay = retry.next_delay(entry.policy.retry_delays, entry.attempt, outcome.retry_after)
    if delay is not None:
        return Result(*kept, RETRYING, word.code, word.response, provider.name, delay=delay)
    if outcome.status == "unknown":
        return Result(*kept, UNKNOWN, "in_doubt", word.response, provider.name)
    got = entry.reached or any(result.status == "sent" for result in outcome.results)
    return Result(*kept, SENT if got else FAILED, "" if got else "gave_up", word.response, provider.name)


def impossible(entry: Work) -> Result:
    """The end of a row that cannot go at all."""
    state = FAILED if entry.problem == "render_failed" else SKIPPED
    kept = (entry.delivery_id, entry.broadcast_id, entry.channel)
    return Result(*kept, state, entry.problem, entry.detail, spent=False, is_test=entry.is_test)


def _tries(entry: Work, outcome: Outcome, provider: Channel, started: datetime) -> list[Try]:
    return [
        Try(
            entry.delivery_id,
            entry.attempt,
            provider.name,
            mask(result.target.address),
            result.target.device_id,
            result.status,
            result.code,
            result.response,
            result.provider_ref,
            started,
            result.duration_ms,
            entry.round,
        )
        for result in outcome.results
        if result.code != UNTRIED
    ]


def switch_off(dead: Sequence[TargetResult]) -> None:
    """A device whose token the provider calls dead is switched off, with the provider's word as the reason."""
    if dead:
        with writing() as connection:
            for result in dead:
                connection.execute(
                    update(Device)
                    .where(Device.id == result.target.device_id)
                    .values(is_active=False, off_reason=result.code or result.response[:200], updated_at=datetime.now(UTC))
                )
