"""The words of the product that are stored as text: channels, states, reasons. One spelling, here."""

from typing import Final

IN_APP: Final = "in_app"
PUSH: Final = "push"
SMS: Final = "sms"
EMAIL: Final = "email"
CHANNELS: Final = (IN_APP, PUSH, SMS, EMAIL)
OUTSIDE_CHANNELS: Final = (PUSH, SMS, EMAIL)
CHANNEL_NAMES: Final = {IN_APP: "In-app", PUSH: "Push", SMS: "SMS", EMAIL: "E-mail"}  # for people

QUEUED: Final = "queued"
SENDING: Final = "sending"
RETRYING: Final = "retrying"
SENT: Final = "sent"
DELIVERED: Final = "delivered"
BOUNCED: Final = "bounced"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
EXPIRED: Final = "expired"
CANCELLED: Final = "cancelled"
UNKNOWN: Final = "unknown"
OPEN_STATES: Final = (QUEUED, RETRYING, SENDING)
DUE_STATES: Final = (QUEUED, RETRYING)
CLOSED_STATES: Final = (SENT, DELIVERED, BOUNCED, FAILED, SKIPPED, EXPIRED, CANCELLED, UNKNOWN)
STATES: Final = OPEN_STATES + CLOSED_STATES

READ: Final = "read"  # what an escalation waits for, and why it was skipped
ONLINE: Final = "online"

# Why a delivery was skipped or failed before any provider saw it.
REASONS: Final = {
    "no_email": "The recipient has no e-mail address.",
    "no_phone": "The recipient has no phone number.",
    "no_device": "The recipient has no active device.",
    "invalid_email": "The e-mail address is malformed.",
    "invalid_phone": "The phone number is not a mobile number that exists.",
    "opted_out": "The recipient opted out of this type on this channel.",
    "recipient_inactive": "The recipient is switched off.",
    "recipient_deleted": "The recipient was deleted before the message went out.",
    READ: "The recipient read it in the app before its time came.",
    ONLINE: "The recipient was online and got it in the app.",
    "render_failed": "The template failed for this recipient.",
    "expired": "It was too old when its turn came.",
    "cancelled": "The broadcast was cancelled before it was handed over.",
    "poison": "It was interrupted three times in a row and is set aside.",
    "gave_up": "Every retry failed.",
    "refused": "The provider refused it for good.",
    "in_doubt": "It was handed over and the answer never came: it may or may not have arrived.",
}

# What becomes of a delivery that was handed over and whose answer is unknown.
HOLD: Final = "hold"
RETRY: Final = "retry"
ASK: Final = "ask"
ON_UNKNOWN: Final = (HOLD, RETRY, ASK)

# Broadcast states.
AWAITING_APPROVAL: Final = "awaiting_approval"  # written down and held: another person says whether it goes
SCHEDULED: Final = "scheduled"
EXPANDING: Final = "expanding"
PAUSED: Final = "paused"
MISSED: Final = "missed"  # its time passed while nobody could send it: a human decides
COMPLETED: Final = "completed"
BROADCAST_STATES: Final = (
    AWAITING_APPROVAL, SCHEDULED, MISSED, QUEUED, EXPANDING, SENDING, PAUSED, COMPLETED, CANCELLED, FAILED,
)

# What a canary of a few people said of the rest (tasks.safety.canary).
GOOD: Final = "good"
BAD: Final = "bad"
UNCLEAR: Final = "unclear"

# What became of a question for approval.
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
VOID: Final = "void"  # what was approved is no longer what would be sent
WITHDRAWN: Final = "withdrawn"  # the broadcast was cancelled, or asked for anew

ROLES: Final = ("viewer", "editor", "sender", "admin")
SCOPES: Final = ("send", "broadcast", "read", "inbox", "recipients", "keys", "webhooks")
