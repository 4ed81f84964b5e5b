"""Rules: which channels ring for a type of notification."""

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError
from wtforms import Field

from dashboard.admin.display.labels import CHANNEL_LABELS
from dashboard.admin.forms.durations import read_duration, show_duration
from dashboard.admin.forms.fields import ChecksField, Form, HiddenField, choice, line, options, text, yes_no
from dashboard.admin.views.rule_matrix import RuleMatrix, who_was_first
from dashboard.admin.views.templates import known_types
from tasks import rules
from tasks.errors import AlreadyExists, InvalidOption, WrongState
from tasks.extensions import db
from tasks.ledger.escalation import LONGEST
from tasks.models import Rule
from tasks.models.words import ASK, HOLD, OUTSIDE_CHANNELS, RETRY
from tasks.route import check_waiting
from tasks.templates import check_type

ON_UNKNOWN = (
    ("", "As usual: hold it, somebody decides"), (HOLD, "Hold: it may have arrived"),
    (RETRY, "Send again: better twice than never"), (ASK, "Ask an operator"),
)
NAMED = {0: "0, first", 5: "5, as usual", 9: "9, last"}
PRIORITIES = tuple((str(number), NAMED.get(number, str(number))) for number in range(10))
WAIT = "Like 30m or 2h. Empty: it rings at once."
MOST_DELAYS, LONGEST_DELAY, LONGEST_EXPIRY = 10, 86_400, 30 * 86_400  # seconds


class RuleForm(Form):
    """A rule."""

    domain_fields = {f"escalate.{name}": f"escalate_{name}" for name in OUTSIDE_CHANNELS} | {"version": "notification_type"}

    notification_type = line(
        "Notification type", required=True, css="input--code", list="known-types", hint="The type that templates carry."
    )
    channels = ChecksField("Channels besides in-app", choices=options((name, CHANNEL_LABELS[name]) for name in OUTSIDE_CHANNELS))
    mandatory = yes_no("Mandatory", hint="Rings even for people who opted out. For codes and safety notices.")
    description = text("Description", rows=2)
    expires_after = line("Give up after", hint="Like 10m, 24h or 2d. Empty: 24 hours for broadcasts, no end for single messages.")
    retry_delays = line("Retries after", hint="Like 60, 120, 180 or 1m, 5m. Empty: as configured. “never”: no retry.")
    offline_only = ChecksField(
        "Only while not online", choices=options((name, CHANNEL_LABELS[name]) for name in OUTSIDE_CHANNELS),
        description="Who has the app open when it would ring sees it there, and is spared it here.",
    )
    escalate_push = line("Push, if not read within", hint=WAIT)
    escalate_sms = line("SMS, if not read within", hint=WAIT)
    escalate_email = line("E-mail, if not read within", hint=WAIT)
    on_unknown = choice("When it is in doubt whether it arrived", ON_UNKNOWN)
    priority = choice("Priority", PRIORITIES, hint="Who goes first when many wait.")
    version = HiddenField()


class Rules(RuleMatrix):
    """The matrix of types and channels, and the form of everything else that a rule says."""

    word = "rule"
    intro = "Which channels ring for a type of notification. A type without a rule is in-app only."
    empty = ("No rules yet", "Without a rule a notification is in-app only. A rule adds push, SMS or e-mail for its type.")
    can_create = can_edit = can_delete = True
    form = RuleForm
    create_template = edit_template = "admin/rules/form.html"
    audited = (
        "notification_type", "channels", "offline_only", "escalate", "retry_delays", "expires_after", "on_unknown", "mandatory",
        "priority", "description",
    )

    def edit_form(self, obj: Rule | None = None) -> RuleForm:
        """The form, with durations in words."""
        form: RuleForm = super().edit_form(obj)
        if obj is not None and not form.expires_after.raw_data:
            form.expires_after.data = show_duration(obj.expires_after) if obj.expires_after else ""
            delays = obj.retry_delays
            form.retry_delays.data = "" if delays is None else ", ".join(map(show_duration, delays)) or "never"
            for name in OUTSIDE_CHANNELS:
                form[f"escalate_{name}"].data = show_duration(obj.escalate[name]) if name in obj.escalate else ""
            form.on_unknown.data, form.priority.data = obj.on_unknown or "", str(obj.priority)
        return form

    def create_form(self, obj: Any = None) -> RuleForm:
        """The form, with the usual priority and the type that the matrix came from."""
        form: RuleForm = super().create_form(obj)
        if not form.priority.raw_data:
            form.priority.data, form.notification_type.data = "5", request.args.get("notification_type", "")
        return form

    def beside(self, row: Rule | None) -> Mapping[str, Any]:
        """Types that templates use, to choose from."""
        return {"known_types": known_types()}

    def warning(self, row: Rule) -> str:
        """What stays when the rule is gone."""
        return f"Notifications of the type {row.notification_type} will be in-app only from now on."

    def write(self, form: Any, row: Rule | None) -> Rule:
        """Check and carry over every field."""
        check_type(form.notification_type.data)
        if row is not None:
            _refuse_overtaken(form, row)
        _refuse_second(form.notification_type.data, row)
        channels = [name for name in OUTSIDE_CHANNELS if name in form.channels.data]
        offline_only = [name for name in OUTSIDE_CHANNELS if name in form.offline_only.data]
        escalate, expires_after = _waits(form), _expiry(form.expires_after)
        check_waiting(channels, escalate, offline_only, expires_after)
        if row is None:
            row = Rule()
            db.session.add(row)
        row.notification_type, row.description = form.notification_type.data, form.description.data or ""
        row.channels, row.offline_only, row.escalate = channels, offline_only, escalate
        row.mandatory, row.on_unknown, row.priority = form.mandatory.data, form.on_unknown.data or None, int(form.priority.data)
        row.expires_after = expires_after
        row.retry_delays = _delays(form.retry_delays)
        try:
            db.session.flush()
        except StaleDataError:
            raise rules.overtaken() from None
        return row


def _refuse_overtaken(form: Any, row: Rule) -> None:
    """Two people at one rule: the second hears of the first, and may put theirs above it with one more press."""
    if form.version.data == str(row.version):
        return
    form.version.raw_data, form.version.data = [str(row.version)], str(row.version)
    raise WrongState(
        who_was_first(row), field="notification_type", remedy="Look at the matrix; saving again puts what stands here above it."
    )


def _refuse_second(notification_type: str, row: Rule | None) -> None:
    other = db.session.scalar(select(Rule.id).where(Rule.notification_type == notification_type))
    if other is not None and (row is None or other != row.id):
        raise AlreadyExists("This type has a rule already.", field="notification_type", remedy="Edit that one.")


def _waits(form: RuleForm) -> dict[str, int]:
    """{channel: seconds} of the channels that wait for the reader."""
    fields = {name: form[f"escalate_{name}"] for name in OUTSIDE_CHANNELS}
    return {name: read_duration(field.data, field.name, LONGEST) for name, field in fields.items() if field.data}


def _expiry(field: Field) -> int | None:
    return read_duration(field.data, field.name, LONGEST_EXPIRY) if field.data else None


def _delays(field: Field) -> list[int] | None:
    text = (field.data or "").strip().lower()
    if not text:
        return None
    if text == "never":
        return []
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    if len(parts) > MOST_DELAYS:
        raise InvalidOption(f"{len(parts)} retries are too many.", field=field.name, remedy=f"Give at most {MOST_DELAYS}.")
    return [read_duration(part, field.name, LONGEST_DELAY) for part in parts]
