"""What a template's slug means right now: the version to send and the rule for its type. One statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from flask import current_app
from sqlalchemy import Connection, bindparam, select

from tasks.config import Settings
from tasks.direct import Direct
from tasks.errors import InactiveTemplate, UnknownTemplate
from tasks.models import Rule, Template, TemplateVersion
from tasks.models.types import AnyRow
from tasks.models.words import HOLD, OUTSIDE_CHANNELS
from tasks.render import CompiledVersion, compiled

BROADCAST_EXPIRES_AFTER = 86_400.0  # seconds, unless the rule or the caller says otherwise


@dataclass(frozen=True, slots=True)
class Policy:
    """How a type is sent: the rule, or what holds where there is none."""

    channels: tuple[str, ...] = ()
    retry_delays: tuple[int, ...] = ()
    expires_after: int | None = None
    on_unknown: str = HOLD
    mandatory: bool = False
    priority: int = 5
    offline_only: tuple[str, ...] = ()  # channels that ring only for who is not online
    escalate: Mapping[str, int] = field(default_factory=dict)  # channels that ring only if it is not read within these seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """A template's version, compiled, with the policy of its type."""

    version_id: int
    notification_type: str
    version: CompiledVersion
    policy: Policy


COLUMNS = (
    TemplateVersion.id,
    TemplateVersion.notification_type,
    TemplateVersion.title,
    TemplateVersion.message,
    TemplateVersion.sms_text,
    TemplateVersion.email_subject,
    TemplateVersion.email_html,
    TemplateVersion.email_text,
)
RULE_COLUMNS = (
    Rule.channels,
    Rule.retry_delays,
    Rule.expires_after,
    Rule.on_unknown,
    Rule.mandatory,
    Rule.priority,
    Rule.offline_only,
    Rule.escalate,
    Rule.id.label("rule_id"),
)


# Built once: composing such a statement costs as much as running it.
_WITH_RULE = (
    select(*COLUMNS, *RULE_COLUMNS, Template.is_active)
    .select_from(TemplateVersion)
    .join(Template, Template.id == TemplateVersion.template_id)
    .outerjoin(Rule, Rule.notification_type == TemplateVersion.notification_type)
)
_BY_SLUG = Direct(_WITH_RULE.where(Template.slug == bindparam("slug"), Template.current_version_id == TemplateVersion.id))
_BY_VERSION = _WITH_RULE.where(TemplateVersion.id == bindparam("version"))


def load(connection: Connection, slug: str) -> Plan:
    """The plan of an active template. Raises UnknownTemplate or InactiveTemplate."""
    row = _BY_SLUG.first(connection, {"slug": slug})
    if row is None:
        raise UnknownTemplate(f"There is no template {slug!r}.", field="template_name", remedy=_nearest(connection, slug))
    if not row.is_active:
        raise InactiveTemplate(
            f"The template {slug!r} is switched off.",
            field="template_name",
            remedy="Switch it on in the dashboard, or send another.",
        )
    return _plan(row)


def load_version(connection: Connection, version_id: int) -> Plan:
    """The plan of an exact version, whatever became of its template, with the rule as it is now."""
    return _plan(connection.execute(_BY_VERSION, {"version": version_id}).one())


def _plan(row: AnyRow) -> Plan:
    return Plan(row.id, row.notification_type, compiled(row), policy(row))


def policy(row: AnyRow) -> Policy:
    """The policy from a row that carries RULE_COLUMNS (all None where the type has no rule)."""
    config: Settings = current_app.extensions["carillon.settings"]
    if row.rule_id is None:
        return Policy(retry_delays=tuple(config.retry_delays))
    delays: Sequence[int] = config.retry_delays if row.retry_delays is None else row.retry_delays
    channels = tuple(name for name in OUTSIDE_CHANNELS if name in row.channels or name in row.escalate)
    return Policy(
        channels, tuple(delays), row.expires_after, row.on_unknown or HOLD, row.mandatory, row.priority,
        tuple(row.offline_only), row.escalate,
    )


def _nearest(connection: Connection, slug: str) -> str:
    known = connection.execute(select(Template.slug).order_by(Template.slug).limit(500)).scalars().all()
    close = get_close_matches(slug, known, n=3)
    return f"Did you mean {', '.join(close)}?" if close else "Make it in the dashboard first, or check the spelling."
