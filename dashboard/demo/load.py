"""Loading the demo. What is there already, by its slug, type or id, stays exactly as it is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from dashboard import keys
from dashboard.demo.people import DemoPerson, people
from dashboard.demo.texts import RULES, TEMPLATES
from tasks import templates
from tasks.audience.description import describe
from tasks.config import settings
from tasks.database import writing
from tasks.extensions import db
from tasks.models import ApiKey, Device, OptOut, Recipient, Rule, Segment, SegmentMember, Template
from tasks.models.types import utcnow
from tasks.models.words import SCOPES

ACTOR = "demo"
SEGMENTS: tuple[dict[str, Any], ...] = (
    {
        "slug": "nepal", "name": "Nepal", "description": "Everybody who lives in Nepal.",
        "definition": {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]},
    },
    {
        "slug": "dormant", "name": "Dormant", "description": "No rental for 60 days, and offers are welcome.",
        "definition": {"combinator": "and", "rules": [
            {"field": "attributes.days_since_rental", "operator": ">=", "value": 60},
            {"field": "subscribed_to", "operator": "=", "value": "special_offer"},
        ]},
    },
    {"slug": "vip", "name": "VIP", "description": "A list kept by hand.", "definition": None},
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much was new, and the key where it was made just now: nobody can read it again."""

    templates: int
    rules: int
    people: int
    segments: int
    key: str | None

    def __bool__(self) -> bool:
        """True where anything was new."""
        return bool(self.templates or self.rules or self.people or self.segments or self.key)


def load() -> Loaded:
    """Load what is missing of the demo."""
    made_templates, made_rules = _templates(), _rules()
    made_people = _people()
    return Loaded(made_templates, made_rules, made_people, _segments(), _key())


def _templates() -> int:
    known = set(db.session.scalars(select(Template.slug)))
    missing = [text for text in TEMPLATES if text["slug"] not in known]
    for text in missing:
        templates.create(**text, actor=ACTOR)
    db.session.commit()
    return len(missing)


def _rules() -> int:
    known = set(db.session.scalars(select(Rule.notification_type)))
    missing = [Rule(**rule) for rule in RULES if rule["notification_type"] not in known]
    db.session.add_all(missing)
    db.session.commit()
    return len(missing)


def _people() -> int:
    with writing() as connection:
        known = set(connection.execute(select(Recipient.external_id).where(Recipient.external_id.like("demo-%"))).scalars())
        missing = [person for person in people() if person.id not in known]
        if missing:
            _insert(connection, missing)
    return len(missing)


def _insert(connection: Connection, missing: list[DemoPerson]) -> None:
    now, config = utcnow(), settings()
    rows = [
        {
            "external_id": person.id, **describe(person.described, config).fields, "attributes": person.attributes,
            "is_active": person.is_active, "created_at": now - timedelta(days=person.days_ago), "updated_at": now,
        }
        for person in missing
    ]
    connection.execute(insert(Recipient), rows)
    ids = dict(connection.execute(select(Recipient.external_id, Recipient.id).where(Recipient.external_id.like("demo-%"))).all())
    devices = [
        {"recipient_id": ids[person.id], "token": token, "platform": platform}
        for person in missing for token, platform in person.devices
    ]
    connection.execute(insert(Device), devices)
    opt_outs = [
        {"recipient_id": ids[person.id], "notification_type": kind, "channel": channel}
        for person in missing for kind, channel in person.opt_outs
    ]
    if opt_outs:
        connection.execute(insert(OptOut), opt_outs)


def _segments() -> int:
    known = set(db.session.scalars(select(Segment.slug)))
    missing = [Segment(**segment) for segment in SEGMENTS if segment["slug"] not in known]
    db.session.add_all(missing)
    db.session.flush()
    for segment in missing:
        if segment.definition is None:
            members = [person.id for person in people() if person.attributes["plan"] == "vip"]
            ids = db.session.scalars(select(Recipient.id).where(Recipient.external_id.in_(members)))
            db.session.add_all(SegmentMember(segment_id=segment.id, recipient_id=recipient) for recipient in ids)
    db.session.commit()
    return len(missing)


def _key() -> str | None:
    if db.session.scalar(select(ApiKey.id).where(ApiKey.name == ACTOR).limit(1)) is not None:
        return None
    _row, plaintext = keys.create_key(ACTOR, SCOPES, ACTOR)
    return plaintext
