"""What a person's page shows: their devices and how they fare, what they got, what they do not want, what they would get now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from dashboard.admin.lists import keyset
from tasks import rehearsal
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import Attempt, Delivery, Device, Notification, OptOut, Recipient, Rule, Template, TemplateVersion
from tasks.models.words import OUTSIDE_CHANNELS, PUSH
from tasks.options import SendOptions

MOST_DEVICES, LATEST = 50, 10  # devices and messages on the page
PUSHES, TRIES = 200, 1_000  # of a person, the latest: how their devices fare is read from these
MOST_TYPES, MOST_TEMPLATES = 200, 300
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Health:
    """A device, and what the latest pushes to it came to."""

    device: Device
    ok_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """A type, and on which channels ("*": on all) the person does not want it. `mandatory`: it is sent all the same."""

    notification_type: str
    out: frozenset[str]
    mandatory: bool
    rings: frozenset[str]


def devices_of(pk: int) -> list[Health]:
    """A person's devices, the newest first."""
    theirs = select(Device).where(Device.recipient_id == pk).order_by(Device.id.desc())
    rows = list(db.session.scalars(theirs.limit(MOST_DEVICES)))
    if not rows:
        return []
    pushes = (
        select(Delivery.pk).join(Delivery.notification)
        .where(Notification.recipient_id == pk, Delivery.channel == PUSH).order_by(Notification.pk.desc()).limit(PUSHES)
    )
    ids = list(db.session.scalars(pushes))
    tries = select(Attempt).where(Attempt.delivery_id.in_(ids), Attempt.device_id.is_not(None)).order_by(Attempt.id.desc())
    ok: dict[int | None, Attempt] = {}
    failed: dict[int | None, Attempt] = {}
    for one in db.session.scalars(tries.limit(TRIES)):
        (ok if one.outcome == "sent" else failed).setdefault(one.device_id, one)
    return [_health(row, ok.get(row.id), failed.get(row.id)) for row in rows]


def _health(row: Device, ok: Attempt | None, failed: Attempt | None) -> Health:
    error = " ".join(word for word in (failed.code, failed.response) if word) if failed else ""
    return Health(row, ok.started_at if ok else None, failed.started_at if failed else None, error)


def messages_of(pk: int, cursor: keyset.Cursor) -> keyset.Page[Notification]:
    """One page of what a person got, the newest first."""
    query = select(Notification.pk).where(Notification.recipient_id == pk)
    found = keyset.read(query, Notification.pk, cursor, LATEST, windowed=True, largest=keyset.WITHOUT_BOUND)
    version = joinedload(Notification.template_version).joinedload(TemplateVersion.template)
    kept = select(Notification).options(version, joinedload(Notification.broadcast), selectinload(Notification.deliveries))
    rows = {row.pk: row for row in db.session.scalars(kept.where(Notification.pk.in_(found.rows)))} if found.rows else {}
    shown = [rows[number] for number in found.rows if number in rows]
    return keyset.Page(shown, found.older if found.older is not None else found.paused_at, found.newer)


def wishes_of(pk: int) -> list[Wishes]:
    """Every known type with what the person does not want of it."""
    out: dict[str, set[str]] = {}
    for kind, channel in db.session.execute(select(OptOut.notification_type, OptOut.channel).where(OptOut.recipient_id == pk)):
        out.setdefault(kind, set()).add(channel)
    ruled = select(Rule).order_by(Rule.notification_type).limit(MOST_TYPES)
    rules = {row.notification_type: row for row in db.session.scalars(ruled)}
    carried = select(Template.notification_type).distinct().order_by(Template.notification_type).limit(MOST_TYPES)
    known = sorted({*out, *rules, *db.session.scalars(carried)})
    return [_wishes(kind, out.get(kind, set()), rules.get(kind)) for kind in known]


def _wishes(kind: str, out: set[str], rule: Rule | None) -> Wishes:
    rings = {name for name in OUTSIDE_CHANNELS if rule is not None and (name in rule.channels or name in rule.escalate)}
    return Wishes(kind, frozenset(out), rule is not None and rule.mandatory, frozenset(rings))


def choices() -> Mapping[str, Sequence[tuple[str, str]]]:
    """What one may ask about: types, and templates in use."""
    rows = db.session.execute(
        select(Template.slug, Template.name, Template.notification_type)
        .where(Template.is_active, Template.current_version_id.is_not(None)).order_by(Template.name).limit(MOST_TEMPLATES)
    ).all()
    kinds = sorted({row.notification_type for row in rows})
    return {
        "By type": [(f"type:{kind}", kind) for kind in kinds], "By template": [(f"template:{row.slug}", row.name) for row in rows]
    }


def foreseen(row: Recipient, asked: str) -> Mapping[str, Any]:
    """What would become of each channel for the person now: {"channels": ...}, or {"error": ...} where nothing can be said."""
    word, _, name = asked.partition(":")
    column = Template.notification_type if word == "type" else Template.slug
    slug = db.session.scalar(
        select(Template.slug).where(column == name, Template.is_active, Template.current_version_id.is_not(None)).limit(1)
    )
    if slug is None:
        return {"error": "There is nothing in use by that name."}
    try:
        return rehearsal.what_if(row.external_id, slug, SendOptions())
    except CarillonError as error:
        return {"error": str(error)}
