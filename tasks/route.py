"""Routing, pure: the type's channels and what a person has, into one decision with a reason for every channel."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.errors import InvalidOption, UnknownChannel
from tasks.ledger.escalation import LONGEST, SHORTEST
from tasks.models.words import CHANNELS, EMAIL, ONLINE, OUTSIDE_CHANNELS, PUSH, QUEUED, SKIPPED, SMS

NEVER: Mapping[str, int] = {}


class Reach(Protocol):
    """What routing looks at in a person."""

    @property
    def email(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def devices(self) -> Sequence[object]: ...
    @property
    def opted_out(self) -> Collection[str]: ...
    @property
    def is_deleted(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a channel rings: `queued`, or `skipped` with a reason of words.REASONS.

    `after`: seconds that it waits, and rings only if the message is not read by then; 0: at once.
    """

    channel: str
    state: str
    reason: str = ""
    after: int = 0


def decide(
    channels: Sequence[str],
    person: Reach,
    *,
    mandatory: bool = False,
    escalate: Mapping[str, int] = NEVER,
    quiet: Collection[str] = (),
) -> list[Decision]:
    """One decision for each of `channels` (the rule's, or the forced ones). `mandatory` types ignore opt-outs, nothing else.

    `escalate`: {channel: seconds}, the rule's; a forced channel rings at once. `quiet`: channels that need not ring now, because
    the person is online and has seen it.
    """
    decisions = [_one(channel, person, mandatory, escalate.get(channel, 0)) for channel in channels]
    return [
        Decision(one.channel, SKIPPED, ONLINE) if one.state == QUEUED and not one.after and one.channel in quiet else one
        for one in decisions
    ]


def check_channels(channels: Collection[str]) -> tuple[str, ...]:
    """The forced outside channels without in_app, which always rings. Raises UnknownChannel."""
    for channel in channels:
        if channel not in CHANNELS:
            raise UnknownChannel(
                f"There is no channel {channel!r}.", field="channel", remedy=f"Use one of {', '.join(CHANNELS)}."
            )
    return tuple(channel for channel in OUTSIDE_CHANNELS if channel in channels)


def check_waiting(
    channels: Collection[str], escalate: Mapping[str, int], offline_only: Collection[str], expires_after: int | None
) -> None:
    """What a rule says of channels that do not ring at once. Raises InvalidOption, whose field is like `escalate.email`."""
    for channel, seconds in escalate.items():
        field = f"escalate.{channel}"
        if channel not in OUTSIDE_CHANNELS or channel not in channels:
            raise InvalidOption(
                f"{channel} does not ring for this type, so it cannot wait.", field=field, remedy="Let it ring, or empty this."
            )
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not SHORTEST <= seconds <= LONGEST:
            raise InvalidOption("It waits from a minute to 30 days.", field=field, remedy="Write it like 30m, 2h or 1d.")
        if expires_after is not None and seconds >= expires_after:
            raise InvalidOption(
                "The message is given up before this time comes.", field=field, remedy="Wait less, or give it up later."
            )
    for channel in offline_only:
        if channel not in OUTSIDE_CHANNELS or channel not in channels:
            raise InvalidOption(
                f"{channel} does not ring for this type.", field="offline_only", remedy="Let it ring, or leave it out."
            )


def gone(person: Reach) -> str:
    """Why nothing at all goes to a person: "recipient_deleted", "recipient_inactive"; "" where they are there."""
    if person.is_deleted:
        return "recipient_deleted"
    return "" if person.is_active else "recipient_inactive"


def _one(channel: str, person: Reach, mandatory: bool, after: int) -> Decision:
    if reason := gone(person):
        return Decision(channel, SKIPPED, reason)
    if not mandatory and ("*" in person.opted_out or channel in person.opted_out):
        return Decision(channel, SKIPPED, "opted_out")
    missing = {
        EMAIL: "" if person.email else "no_email",
        SMS: "" if person.phone else "no_phone",
        PUSH: "" if person.devices else "no_device",
    }[channel]
    return Decision(channel, SKIPPED, missing) if missing else Decision(channel, QUEUED, after=after)
