"""What the review of a draft shows: what the dry run found, one person's message, and what somebody may have sent already."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_login import current_user
from sqlalchemy import select

from dashboard.admin.forms.draft import Draft
from tasks import templates, timetable
from tasks.channels import provider_name
from tasks.config import settings
from tasks.errors import CarillonError, InactiveTemplate
from tasks.extensions import db
from tasks.forecast.terms import price_of
from tasks.models import Broadcast, Recipient, Rule, Template, TemplateVersion
from tasks.models.types import utcnow
from tasks.models.words import CANCELLED, CHANNELS, IN_APP
from tasks.options import SendOptions
from tasks.plan import BROADCAST_EXPIRES_AFTER
from tasks.prospect import Prospect, forecast
from tasks.render import compiled
from tasks.rendering.limits import PARTS

TWIN, TWINS = 24 * 3600, 200  # seconds and broadcasts back in which the same one is looked for


@dataclass(frozen=True, slots=True)
class Line:
    """A channel of the review: how many of the audience it rings, as a bar, and whether the simulator serves it."""

    channel: str
    rung: int
    of: int
    simulated: bool
    waits: int = 0  # seconds that it waits for the message to be read

    @property
    def states(self) -> dict[str, int]:
        """For the bar."""
        return {"sent": self.rung, "skipped": max(0, self.of - self.rung)}


def check(draft: Draft) -> bool:
    """Mark everything that is wrong with a draft, all of it at once. True where nothing is."""
    for piece in (draft.checked_template, draft.data, draft.checked_target, draft.asked_time, draft.per_minute, draft.lasts):
        try:
            piece()
        except CarillonError as error:
            draft.mark(error)
    if draft.errors:
        return False
    try:
        template = draft.checked_template()
        if not template.is_active:
            raise InactiveTemplate("This template is off.", field="template", remedy="Switch it on, or choose another one.")
        _check_times(draft.options(), template)
        compiled(draft.checked_version()).rehearse(draft.data(), PARTS)
    except CarillonError as error:
        draft.mark(error)
    return not draft.errors


def shown(draft: Draft) -> dict[str, Any] | None:
    """What the review page wants; None where the draft cannot be sent, its errors marked."""
    if not check(draft):
        return None
    template, options, data = draft.checked_template(), draft.options(actor=current_user.email), draft.data()
    try:
        found = forecast(draft.checked_target(), template.slug, data, options)
    except CarillonError as error:
        draft.mark(error)
        return None
    count = found.people.count if found.people else None
    return {
        "message": template, "data": data, "label": found.row["audience_label"], "count": count, "found": found,
        "lines": _lines(found, count or 0), "options": options, "cost": price_of(found.texts.segments),
        "twins": _twins(template, found.row["audience"], data), **_sample(draft.checked_version(), data, found),
    }


def rings(draft: Draft) -> list[tuple[str, bool]]:
    """The channels that will ring, and whether the simulator serves them."""
    rule = None if draft.channels else _rule(draft.own.kind if draft.own.is_used else _type(draft.template))
    wanted = set(draft.channels) if draft.channels else {*rule.channels, *rule.escalate} if rule else set()
    return [(name, _simulated(name)) for name in CHANNELS if name == IN_APP or name in wanted]


def _type(template: Template | None) -> str:
    return template.notification_type if template else ""


def _rule(notification_type: str) -> Rule | None:
    return db.session.scalar(select(Rule).where(Rule.notification_type == notification_type))


def _simulated(channel: str) -> bool:
    return provider_name(channel, settings()) == "simulator"


def _lines(found: Prospect, count: int) -> list[Line]:
    waits: Mapping[str, int] = {} if found.row["channels"] is not None else found.plan.policy.escalate
    channels = [name for name in CHANNELS if name == IN_APP or name in found.rings]
    return [Line(name, found.rung(name), count, _simulated(name), waits.get(name, 0)) for name in channels]


def _check_times(options: SendOptions, template: Template) -> None:
    """Raise InvalidOption for what `create` would refuse: a year away, or over before its window opens."""
    rule, now = _rule(template.notification_type), utcnow()
    lasts = options.expires_in or (rule and rule.expires_after) or BROADCAST_EXPIRES_AFTER
    timetable.refuse(timetable.columns(options, lasts, now), now)


def _sample(version: TemplateVersion, data: dict[str, Any], found: Prospect) -> dict[str, Any]:
    """The message as the first of the audience gets it; why not, where it fails for them."""
    person = None
    if found.some:
        person = db.session.scalar(select(Recipient).where(Recipient.external_id == found.some[0]))
    if person is None:
        return {"sample": None, "preview": None, "failure": ""}
    try:
        preview = templates.preview(version, data, _fields(person))
    except CarillonError as error:
        return {"sample": person, "preview": None, "failure": str(error)}
    return {"sample": person, "preview": preview, "failure": ""}


def _fields(person: Recipient) -> dict[str, Any]:
    names = ("name", "email", "phone", "locale", "timezone", "country", "attributes")
    return {"id": person.external_id, **{name: getattr(person, name) for name in names}}


def _twins(template: Template, audience: Any, data: dict[str, Any]) -> list[Broadcast]:
    """Broadcasts of late with the same text, for the same audience: somebody may be about to send it twice."""
    since = utcnow() - timedelta(seconds=TWIN)
    latest = select(Broadcast).where(Broadcast.created_at >= since).order_by(Broadcast.pk.desc()).limit(TWINS)
    return [
        row for row in db.session.scalars(latest)
        if row.template_version_id == template.current_version_id and row.audience == audience and row.data == data
        and row.state != CANCELLED
    ]
