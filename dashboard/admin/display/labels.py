"""The names and icons under which the dashboard shows the product's stored words."""

from typing import Final

from tasks.models import words

CHANNEL_LABELS: Final = words.CHANNEL_NAMES
CHANNEL_ICONS: Final = {words.IN_APP: "inbox", words.PUSH: "push", words.SMS: "sms", words.EMAIL: "email"}

STATE_ICONS: Final = {
    words.QUEUED: "dots", words.SENDING: "ring", words.RETRYING: "retry", words.SENT: "check", words.DELIVERED: "check",
    words.BOUNCED: "bounce", words.FAILED: "cross", words.SKIPPED: "skip", words.EXPIRED: "clock", words.CANCELLED: "ban",
    words.UNKNOWN: "question", words.SCHEDULED: "clock", words.MISSED: "clock", words.EXPANDING: "ring", words.PAUSED: "pause",
    words.COMPLETED: "check", words.AWAITING_APPROVAL: "shield",
    "temporary": "retry", "permanent": "cross", "configuration": "warning",
}
STATE_LABELS: Final = {words.UNKNOWN: "In doubt", words.EXPANDING: "Starting", words.AWAITING_APPROVAL: "Waits for approval"}

# Left to right in every bar: what is done, what runs, what is in trouble, what was left out.
STATE_ORDER: Final = (
    words.DELIVERED, words.SENT, words.SENDING, words.RETRYING, words.QUEUED, words.UNKNOWN, words.FAILED, words.BOUNCED,
    words.EXPIRED, words.CANCELLED, words.SKIPPED,
)

ROLE_WORDS: Final = {
    "viewer": "Viewer: reads everything",
    "editor": "Editor: also changes templates, rules, segments and recipients",
    "sender": "Sender: also starts and stops broadcasts",
    "admin": "Admin: also manages API keys and operators",
}
# What people ask before they give somebody a role, and the least role that may do it (test_guard.py holds every page to its own).
RIGHTS: Final = (
    ("See every page, log and audit entry; keep their own profile", "viewer"),
    ("Change templates, rules, segments, recipients and devices; restore an older state of them", "editor"),
    ("Compose, approve, start, pause and cancel broadcasts; finish the job; send tests", "sender"),
    ("Make and revoke API keys and webhooks; add accounts and change their roles", "admin"),
)
SCOPE_WORDS: Final = {
    "send": "send: notify one person or many",
    "broadcast": "broadcast: start and stop broadcasts",
    "read": "read: read statuses",
    "inbox": "inbox: read and mark inboxes, make subscriber tokens",
    "recipients": "recipients: create, change and delete recipients",
    "webhooks": "webhooks: say where this service wants to hear what became of its messages",
    "keys": "keys: make, rotate and revoke keys with no more rights than its own",
}


def state_label(state: str) -> str:
    """A delivery's, attempt's or broadcast's state as shown."""
    return STATE_LABELS.get(state, state.capitalize())


def state_icon(state: str) -> str:
    """The icon's name that goes with a state, so that colour is never the only sign."""
    return STATE_ICONS.get(state, "dots")


def channel_label(channel: str) -> str:
    """A channel as shown."""
    return CHANNEL_LABELS.get(channel, channel)


def channel_icon(channel: str) -> str:
    """The icon's name of a channel."""
    return CHANNEL_ICONS.get(channel, "bell")


def reason_words(reason: str) -> str:
    """A delivery's reason as a sentence; a provider's own code as it is."""
    return words.REASONS.get(reason, reason)
