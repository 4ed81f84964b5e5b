"""The providers. One line each; only what the configuration names is imported."""

from functools import cache
from importlib import import_module
from typing import NamedTuple

from flask import current_app

from tasks.channels.base import Channel
from tasks.config import Settings


class Entry(NamedTuple):
    """A registered provider: the channel it serves ("*": any), where its class is, the setting that switches it on."""

    channel: str
    path: str  # module:class
    setting: str = ""  # named here too, so that choosing a provider imports none: firebase-admin alone takes 0.3 s


# The first configured one of a channel serves it; the simulator where none is.
PROVIDERS: dict[str, Entry] = {
    "socketio": Entry("in_app", "tasks.channels.socketio:SocketIOChannel"),
    "fcm": Entry("push", "tasks.channels.fcm:FcmChannel", "fcm_credentials"),
    "sparrow": Entry("sms", "tasks.channels.sparrow:SparrowChannel", "sparrow_token"),
    "smtp": Entry("email", "tasks.channels.smtp:SmtpChannel", "smtp_url"),
    "simulator": Entry("*", "tasks.channels.simulator:SimulatorChannel"),
}


@cache
def provider_class(name: str) -> type[Channel]:
    """The class of a registered provider, imported on first use."""
    module, _, attribute = PROVIDERS[name].path.partition(":")
    found: type[Channel] = getattr(import_module(module), attribute)
    return found


def provider_name(channel: str, config: Settings) -> str:
    """Which provider serves `channel` under this configuration."""
    for name, entry in PROVIDERS.items():
        if entry.channel == channel and (not entry.setting or getattr(config, entry.setting)):
            return name
    return "simulator"


def provider(channel: str) -> Channel:
    """The current app's provider of `channel`, made once per process and kept (its connections live in it)."""
    made: dict[str, Channel] = current_app.extensions["carillon.providers"]
    if channel not in made:
        config: Settings = current_app.extensions["carillon.settings"]
        # Two threads may come here at once: the first one's provider stays, the other's has opened nothing yet.
        made.setdefault(channel, provider_class(provider_name(channel, config))(config))
    return made[channel]


def stand_in() -> Channel:
    """The current app's simulator, which takes what test keys send on any channel."""
    made: dict[str, Channel] = current_app.extensions["carillon.providers"]
    if "*" not in made:
        made.setdefault("*", provider_class("simulator")(current_app.extensions["carillon.settings"]))
    return made["*"]
