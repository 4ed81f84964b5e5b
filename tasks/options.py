"""What a caller may say about a send besides the template's variables."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import InvalidOption
from tasks.rights import Rights
from tasks.route import check_channels
from tasks.schedule import Window, instant, zone

MAX_EXPIRY = 30 * 86_400.0  # seconds
MAX_KEY = 255
MAX_RATE = 1_000_000  # a minute
MAX_CANARY = 1_000_000  # people
MAX_CANARY_WAIT = 7 * 86_400  # seconds
MAX_UNDO = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Canary:
    """The first `people` of the audience get a broadcast before the others do.

    Where more than `share` (0 to 1; none: the setting) of them fail on a channel, it stops by itself. Else the others follow
    `wait` seconds after the last of the canary's messages came to an end; none: when a human resumes it.
    """

    people: int
    share: float | None = None
    wait: int | None = 0

    def __post_init__(self) -> None:
        if not 1 <= self.people <= MAX_CANARY:
            raise InvalidOption(
                "canary is out of range.", field="canary", remedy=f"Give how many people go first, 1 to {MAX_CANARY:,}."
            )
        if self.share is not None and not 0 <= self.share <= 1:
            raise InvalidOption("canary_share is out of range.", field="canary_share", remedy="Give a share from 0 to 1.")
        if self.wait is not None and not 0 <= self.wait <= MAX_CANARY_WAIT:
            raise InvalidOption("canary_wait is out of range.", field="canary_wait", remedy="Give seconds, at most seven days.")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Options of a send, apart so that any name is free for a template's variable.

    `channels` forces the outside channels (in-app is always written); `expires_in` seconds bound how long they may try;
    `priority` 0 is first, 9 last; a repeated `idempotency_key` gets the first answer
    again, within its `idempotency_scope`, if `body_hash` is the same; `actor` is who sends, for the audit. `reply` makes the
    HTTP answer (status, text) that is kept with the key, of the answers for people or of a broadcast's (number, state);
    `rights` are those of the key that sends. `trial`: an operator's test send (tasks.trial), which leaves and counts nowhere.

    Broadcasts only: `send_at` starts it later, an aware time, or a wall clock's in `timezone` (IANA); `window` ("09:00-20:00", in
    `timezone`, over midnight too) is when something of it may go out; `rate_per_minute` bounds its messages on outside channels.
    `canary` people go first; nothing is written within the first `undo_seconds`; `confirm_count` is how many people the caller
    believes it goes to: it is refused where there are more or fewer; `owners` are the e-mails of the people behind `actor`, who
    may not approve it.
    `plan_hash`, of a dry run, holds it to what that found: it is refused where content or audience moved since, and exactly those
    people get it.
    """

    channels: tuple[str, ...] | None = None
    expires_in: float | None = None
    send_at: datetime | None = None
    timezone: str = ""
    window: str | None = None
    rate_per_minute: int | None = None
    canary: Canary | None = None
    undo_seconds: float = 0.0
    confirm_count: int | None = None
    owners: tuple[str, ...] = ()
    plan_hash: str | None = None
    priority: int | None = None
    idempotency_key: str | None = None
    idempotency_scope: str = "python"
    body_hash: str = ""
    actor: str = ""
    reply: Callable[[Any], tuple[int, str]] | None = None
    rights: Rights | None = None
    trial: bool = False

    def __post_init__(self) -> None:
        if self.channels is not None:
            object.__setattr__(self, "channels", check_channels(self.channels))
        if self.expires_in is not None and not (math.isfinite(self.expires_in) and 0 < self.expires_in <= MAX_EXPIRY):
            raise InvalidOption(
                "expires_in is out of range.", field="expires_in", remedy="Give seconds, more than 0 and at most 30 days."
            )
        if self.priority is not None and not 0 <= self.priority <= 9:
            raise InvalidOption("priority is out of range.", field="priority", remedy="Give 0 (first) to 9 (last).")
        _ = self.starts_at, self.opening  # raises what is wrong with them
        if self.rate_per_minute is not None and not 1 <= self.rate_per_minute <= MAX_RATE:
            raise InvalidOption(
                "rate_per_minute is out of range.", field="rate_per_minute", remedy=f"Give 1 to {MAX_RATE}, or none for no limit."
            )
        if not 0 <= self.undo_seconds <= MAX_UNDO:
            raise InvalidOption(
                "undo_seconds is out of range.", field="undo_seconds", remedy=f"Give seconds, at most {MAX_UNDO:.0f}."
            )
        if self.idempotency_key is not None and not 0 < len(self.idempotency_key) <= MAX_KEY:
            raise InvalidOption(
                "The idempotency key is empty or too long.", field="idempotency_key", remedy="Give 1 to 255 characters."
            )

    @property
    def is_test(self) -> bool:
        """True for what counts in no figure: a test key's messages, and an operator's test send."""
        return self.trial or (self.rights is not None and self.rights.is_test)

    @property
    def starts_at(self) -> datetime | None:
        """`send_at` as an instant, in UTC. Raises InvalidOption where its zone is unknown, or no year of the calendar has it."""
        where = zone(self.timezone)
        if self.send_at is None:
            return None
        if self.send_at.tzinfo is None and not self.timezone:
            raise InvalidOption(
                "send_at has no time zone.", field="send_at",
                remedy='Give an aware time, like 2026-01-31T09:00+05:45, or timezone beside it, like "Asia/Kathmandu".',
            )
        try:
            return self.send_at.astimezone(UTC) if self.send_at.tzinfo else instant(self.send_at, where)
        except (OverflowError, ValueError):
            raise InvalidOption(
                "send_at lies outside the calendar.", field="send_at", remedy="Give a time within a year."
            ) from None

    @property
    def opening(self) -> Window | None:
        """`window`, read. Raises InvalidOption."""
        return None if self.window is None else Window.read(self.window, self.timezone)
