"""The providers and their health: which serves what, whether it answers, since when it does not, and when it is asked again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import select

from dashboard.admin.display.labels import channel_label
from dashboard.admin.display.times import clock
from tasks.channels import provider_name
from tasks.config import Settings, settings
from tasks.extensions import db
from tasks.ledger import breaker
from tasks.models import Breaker
from tasks.models.words import CHANNELS

HOST_SETTINGS = {"smtp": "smtp_url", "fcm": "fcm_url", "sparrow": "sparrow_url"}  # where a provider's host is told
PLACES = {"socketio": "this installation", "simulator": "the simulator"}


@dataclass(frozen=True, slots=True)
class Health:
    """How the provider of a channel is. `down`: its breaker is open, and its messages wait without losing a try."""

    channel: str
    provider: str
    host: str
    state: Literal["up", "shaky", "down"]
    since: datetime | None = None  # when it went down
    next_probe: datetime | None = None
    failures: int = 0  # in a row
    last_error: str = ""

    @property
    def sentence(self) -> str:
        """What is to be said while it is down."""
        since = f" since {clock(self.since)}" if self.since else ""
        return (
            f"{channel_label(self.channel)}: {self.host} is not answering{since}; trying every {breaker.PROBE_EVERY:.0f} s; "
            "nothing is lost, it goes on by itself."
        )


def healths() -> list[Health]:
    """Every channel's provider, in the order of the channels."""
    broken, config = breaker.failing(), settings()
    return [_health(channel, provider_name(channel, config), broken, config) for channel in CHANNELS]


def down() -> frozenset[str]:
    """The providers that are held to be down, by name."""
    return frozenset(db.session.scalars(select(Breaker.provider).where(Breaker.opened_at.is_not(None))))


def outages(channels: Collection[str]) -> list[Health]:
    """The providers of these channels that are down."""
    return [one for one in healths() if one.state == "down" and one.channel in channels]


def _health(channel: str, name: str, broken: dict[str, Breaker], config: Settings) -> Health:
    row, host = broken.get(name), _host(name, config)
    if row is None:
        return Health(channel, name, host, "up")
    state: Literal["shaky", "down"] = "down" if row.opened_at else "shaky"
    return Health(channel, name, host, state, row.opened_at, row.next_probe_at, row.failures, row.last_error)


def _host(name: str, config: Settings) -> str:
    address = str(getattr(config, HOST_SETTINGS.get(name, ""), "") or "")
    return urlsplit(address).hostname or PLACES.get(name, name)
