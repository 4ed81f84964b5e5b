"""What a provider answers: a receipt or an error, and what both become in the delivery log."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tasks.channels.message import Target

Status = Literal["sent", "temporary", "permanent", "configuration", "unknown"]


class ChannelError(Exception):
    """A provider could not send. One question decides what follows: `permanent`?

    `status` says a little more: `configuration` (our credentials or settings: nobody's message can go) and
    `unknown` (handed over, and the answer never came: it may have gone). `dead_target` switches the address off.
    `retry_after` is in seconds. Codes are the provider's own, or one of ours: `unreachable` (no connection came about,
    so nothing was sent) and `no_reply` (it was sent, and nothing intelligible came back).
    """

    def __init__(
        self, detail: str, *, status: Status = "temporary", code: str = "", retry_after: float | None = None,
        dead_target: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.dead_target = dead_target

    @property
    def permanent(self) -> bool:
        """True where trying again cannot help this message."""
        return self.status == "permanent"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's yes, in its own words."""

    response: str = ""
    provider_ref: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What became of one target of one message."""

    target: Target
    status: Status
    code: str = ""
    response: str = ""
    provider_ref: str = ""
    retry_after: float | None = None
    dead_target: bool = False
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: a result for every target, in order."""

    delivery_id: int
    results: tuple[TargetResult, ...]

    @property
    def status(self) -> Status:
        """The most telling of its targets': doubt first, then whatever a retry could mend, then success."""
        found = {result.status for result in self.results}
        for status in ("unknown", "configuration", "temporary", "sent"):
            if status in found:
                return status
        return "permanent"

    @property
    def telling(self) -> TargetResult:
        """The result that gave the message its status: its code and words stand in the delivery's row."""
        return next(result for result in self.results if result.status == self.status)

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asked to wait, the longest of its targets'."""
        return max((result.retry_after for result in self.results if result.retry_after is not None), default=None)


def failure(target: Target, error: ChannelError, duration_ms: int = 0) -> TargetResult:
    """The error of one target, as its result."""
    return TargetResult(
        target, error.status, error.code, error.detail, retry_after=error.retry_after, dead_target=error.dead_target,
        duration_ms=duration_ms,
    )


def measured(target: Target, call: Callable[[], Receipt]) -> TargetResult:
    """Run one call to a provider: its receipt or its error becomes a result, with the time it took.

    An error nobody foresaw becomes `unknown`: the call may have got through before our own code failed.
    """
    started = time.monotonic()

    def took() -> int:
        return round((time.monotonic() - started) * 1000)

    try:
        receipt = call()
    except ChannelError as error:
        return failure(target, error, took())
    except Exception as error:  # any bug of a provider must end as an outcome, not as a lost row
        return TargetResult(target, "unknown", type(error).__name__, str(error), duration_ms=took())
    return TargetResult(target, "sent", receipt.code, receipt.response, receipt.provider_ref, duration_ms=took())
