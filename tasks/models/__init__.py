"""Every table. Importing this package registers them all with the metadata."""

from tasks.models.access import ApiKey, AuditEntry, IdempotencyKey, Operator
from tasks.models.broadcast import (
    Broadcast,
    BroadcastApproval,
    BroadcastCount,
    BroadcastMember,
    BroadcastPage,
    BroadcastRound,
)
from tasks.models.delivery import Attempt, Delivery
from tasks.models.figure import Figure, SeenSetting
from tasks.models.imports import Import, ImportFault, ImportMember, ImportPart
from tasks.models.notification import InboxChange, Notification
from tasks.models.process import Breaker, Connection, Installation, Process, RateLimit
from tasks.models.recipient import Device, OptOut, Recipient
from tasks.models.rule import Rule
from tasks.models.segment import Segment, SegmentMember
from tasks.models.send_plan import SendPlan, SendPlanPage
from tasks.models.template import Template, TemplateVersion
from tasks.models.webhook import Webhook, WebhookCall

__all__ = [
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "Breaker",
    "Broadcast",
    "BroadcastApproval",
    "BroadcastCount",
    "BroadcastMember",
    "BroadcastPage",
    "BroadcastRound",
    "Connection",
    "Delivery",
    "Device",
    "Figure",
    "IdempotencyKey",
    "Import",
    "ImportFault",
    "ImportMember",
    "ImportPart",
    "InboxChange",
    "Installation",
    "Notification",
    "Operator",
    "OptOut",
    "Process",
    "RateLimit",
    "Recipient",
    "Rule",
    "SeenSetting",
    "Segment",
    "SegmentMember",
    "SendPlan",
    "SendPlanPage",
    "Template",
    "TemplateVersion",
    "Webhook",
    "WebhookCall",
]
