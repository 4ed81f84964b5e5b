"""Who decided about a channel: the rule, the person's wish, an address, a window, the provider. One word for every reason."""

from typing import Final

INBOX, RULE, CALL, WISH, ADDRESS, DEVICE, PERSON = (
    "inbox", "rule", "call", "preference", "address", "device", "person",
)
PRESENCE, TEMPLATE, BROADCAST, WINDOW, PROVIDER, QUEUE, KEY = (
    "presence", "template", "broadcast", "window", "provider", "queue", "key",
)
WORDS: Final = {
    INBOX: "Always written", RULE: "The rule", CALL: "The call", WISH: "Their preference", ADDRESS: "Their address",
    DEVICE: "Their devices", PERSON: "The person's state", PRESENCE: "Whether they saw it", TEMPLATE: "The template",
    BROADCAST: "The broadcast", WINDOW: "The window", PROVIDER: "The provider", QUEUE: "The queue", KEY: "The key",
}
_BY: Final = {
    INBOX: ("inbox",),
    # It rings because the rule says so, whatever became of it then; a call that asked for the channel comes before the rule.
    RULE: ("no_rule", "not_in_rule", "not_asked_then", "if_unread", "expired", "not_due", "will_ring", "simulated", "accepted",
           "arrived", "handed_over"),
    CALL: ("other_channel",),
    WISH: ("opted_out",),
    ADDRESS: ("no_email", "no_phone", "invalid_email", "invalid_phone"),
    DEVICE: ("no_device",),
    PERSON: ("recipient_inactive", "recipient_deleted"),
    PRESENCE: ("read", "online", "deleted"),
    TEMPLATE: ("render_failed",),
    BROADCAST: ("paused", "cancelled"),
    WINDOW: ("window",),
    QUEUE: ("in_line", "in_hand", "no_worker", "poison"),
    KEY: ("test",),
}
_DECIDER: Final = {reason: who for who, reasons in _BY.items() for reason in reasons}


def decider(reason: str) -> str:
    """Who decided where a channel has this reason; whatever Carillon has no word for is a provider's own."""
    return _DECIDER.get(reason, PROVIDER)


def decider_words(reason: str) -> str:
    """The same, as shown."""
    return WORDS[decider(reason)]
