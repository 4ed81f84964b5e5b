"""The simulator: serves every channel that has no provider. Nothing leaves the process; magic recipients act out trouble.

| e-mail address  | phone number ends in | device token begins with | what happens                                        |
|-----------------|----------------------|--------------------------|-----------------------------------------------------|
| delivered@...   | 000001               | delivered-               | delivered, like everybody else's                    |
| fails-once@...  | 000002               | fails-once-              | a temporary failure first, delivered on the retry   |
| bounce@...      | 000003               | bounce-                  | refused for good                                    |
| slow@...        | 000004               | slow-                    | delivered after two seconds                         |
| busy@...        | 000005               | busy-                    | 429, Retry-After 90 s, first; delivered on the retry |
| dead@...        | 000006               | dead-                    | the address is dead: a device is switched off       |
| lost-reply@...  | 000007               | lost-reply-              | nobody knows whether it arrived                     |

The domain does not matter, `bounce+anything@...` works too, and a phone number may be any that ends so: +9779841000003.
"""

import time
from dataclasses import dataclass
from typing import Final

from tasks.channels.base import Channel, ChannelError, Message, Receipt, Target

SLOW: Final = 2.0  # seconds
BUSY: Final = 90.0  # seconds; longer than the first retry's own delay, so that one sees it count
NOTHING_LEFT: Final = "Simulated: nothing left this process."


@dataclass(frozen=True, slots=True)
class Magic:
    """One magic recipient: what its e-mail address, phone number and device token look like, and what happens to it."""

    word: str  # the e-mail address's local part; with a dash behind it, how a device token begins
    digits: str  # how a phone number ends
    story: str


MAGIC: Final = (
    Magic("delivered", "000001", "Delivered, like everybody else's."),
    Magic("fails-once", "000002", "A temporary failure first, delivered on the retry."),
    Magic("bounce", "000003", "Refused for good."),
    Magic("slow", "000004", "Delivered after two seconds."),
    Magic("busy", "000005", "429 with Retry-After 90 s first, delivered on the retry."),
    Magic("dead", "000006", "The address is dead: a device is switched off."),
    Magic("lost-reply", "000007", "Nobody knows whether it arrived."),
)
DELIVERED: Final = MAGIC[0]


class SimulatorChannel(Channel):
    """Keeps every message to itself and says that it did."""

    name = "simulator"
    channel = "*"
    has_breaker = False
    concurrency = 8

    def send_one(self, message: Message, target: Target) -> Receipt:
        """Act out what the address stands for. Raises ChannelError where that is a failure."""
        word = magic(target.address).word
        if word == "slow":
            time.sleep(SLOW)
        elif word != "delivered":
            _fail(word, first=message.attempt <= 1)
        return Receipt(NOTHING_LEFT, provider_ref=f"simulated-{message.reference}", code="simulated")


def magic(address: str) -> Magic:
    """What an e-mail address, a phone number or a device token stands for; DELIVERED where it is nobody magic."""
    if address.startswith("+"):
        return next((one for one in MAGIC if address.endswith(one.digits)), DELIVERED)
    if "@" in address:
        local = address.rpartition("@")[0].partition("+")[0].lower()
        return next((one for one in MAGIC if local == one.word), DELIVERED)
    return next((one for one in MAGIC if address.startswith(f"{one.word}-")), DELIVERED)


def _fail(word: str, *, first: bool) -> None:
    if word == "bounce":
        raise ChannelError("Simulated: refused for good.", status="permanent", code="simulated_bounce")
    if word == "dead":
        raise ChannelError("Simulated: the address is dead.", status="permanent", code="simulated_dead", dead_target=True)
    if word == "lost-reply":
        raise ChannelError("Simulated: the answer never came.", status="unknown", code="simulated_lost_reply")
    if word == "fails-once" and first:
        raise ChannelError("Simulated: a temporary failure.", code="simulated_failure")
    if word == "busy" and first:
        raise ChannelError("Simulated: too many requests.", code="429", retry_after=BUSY)
