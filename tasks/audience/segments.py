"""Audiences: everybody, subscribers, a saved segment, a definition in the request, a list of ids, the outside source."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, not_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from tasks.audience.grammar import compile_definition, freeze_definition, subscribed
from tasks.audience.plain import storable
from tasks.database import reading
from tasks.errors import CarillonError, InvalidAudience, UnknownAudience
from tasks.extensions import db
from tasks.models import BroadcastMember, Recipient, Segment, SegmentMember
from tasks.models.types import utcnow

Condition = ColumnElement[bool]
ALL, SUBSCRIBED, SOURCE = "all", "subscribed", {"source": "http"}
RESERVED = (ALL, SUBSCRIBED)  # no segment may have such a slug
MAX_IDS = 10_000
MAX_EXCLUDED = 20  # segments left out of one audience


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is meant. `definition` is plain JSON and means the same people by the same rule later (see `condition`)."""

    label: str
    definition: Any
    notification_type: str

    def where(self) -> Condition:
        """The SQL condition on recipients."""
        return condition(self.definition, self.notification_type)


def resolve_audience(audience: object, notification_type: str) -> Audience:
    """Read an audience as a caller names it: "all", "subscribed", a segment's slug, a definition (tasks.audience.grammar),
    {"ids": [...]}, {"source": "http"}, or one of these without the people of some segments: {"include": ..., "exclude": [slugs]}.
    Raises UnknownAudience or InvalidAudience.
    """
    if isinstance(audience, str):
        label, definition = _named(audience)
    elif isinstance(audience, Mapping) and "ids" in audience:
        definition = {"ids": _ids(audience)}
        label = f"{len(definition['ids'])} listed people"
    elif isinstance(audience, Mapping) and "source" in audience:
        if audience != SOURCE:
            raise InvalidAudience("There is no such source.", field="audience", remedy='Write {"source": "http"}.')
        label, definition = "Outside source", dict(SOURCE)
    elif isinstance(audience, Mapping) and "include" in audience:
        label, definition = _without(audience, notification_type)
    elif isinstance(audience, Mapping):
        validate(audience, at="/audience")
        label, definition = "Own rules", freeze_definition(audience, utcnow())
    else:
        raise InvalidAudience(
            "It is no audience.", field="audience", remedy='Give "all", "subscribed", a segment\'s slug or a definition.'
        )
    return Audience(label, definition, notification_type)


def condition(definition: Any, notification_type: str, *, broadcast_pk: int | None = None) -> Condition:
    """The SQL condition of a frozen definition: active people only, each at most once.

    The outside source's people are those copied for the broadcast `broadcast_pk`.
    """
    return and_(Recipient.is_active, _matching(definition, notification_type, broadcast_pk))


def count(audience: object, notification_type: str = "") -> int:
    """How many people an audience means now (0 for the outside source, which is known only when it is copied)."""
    with reading() as connection:
        where = resolve_audience(audience, notification_type).where()
        return connection.execute(select(func.count()).select_from(Recipient).where(where)).scalar_one()


def members_query(definition: object) -> Select[int]:
    """Select recipients.id of the active people a definition (tasks.audience.grammar) means now. Raises InvalidAudience."""
    return select(Recipient.id).where(Recipient.is_active, compile_definition(definition, db.engine.dialect.name))


def validate(definition: object, *, at: str = "") -> None:
    """Raise InvalidAudience where a definition cannot be compiled; its field is a JSON pointer that begins with `at`."""
    compile_definition(definition, db.engine.dialect.name, at=at)


def excluding(audience: Any, slugs: Sequence[str]) -> Any:
    """The audience without the people of these segments, as `resolve_audience` reads it."""
    return {"include": audience, "exclude": list(dict.fromkeys(slugs))} if slugs else audience


def _without(audience: Mapping[str, Any], notification_type: str) -> tuple[str, Any]:
    inner, left_out = audience["include"], audience.get("exclude")
    left_out = left_out if isinstance(left_out, list | tuple) and len(audience) == 2 else ()
    if not 1 <= len(left_out) <= MAX_EXCLUDED or not all(isinstance(slug, str) and slug not in RESERVED for slug in left_out):
        raise InvalidAudience(
            "Who is to be left out is not understood.", field="exclude",
            remedy=f"Give the slugs of 1 to {MAX_EXCLUDED} saved segments.",
        )
    if isinstance(inner, Mapping) and "include" in inner:
        raise InvalidAudience(
            "An audience is narrowed twice.", field="audience", remedy="Name all the segments to leave out in one list."
        )
    base = resolve_audience(inner, notification_type)
    try:
        named = [_named(slug) for slug in left_out]
    except CarillonError as error:
        error.field = "exclude"
        raise
    label = f"{base.label}, without {' and '.join(name for name, _ in named)}"
    return label, {"include": base.definition, "exclude": [definition for _, definition in named]}


def _matching(definition: Any, notification_type: str, broadcast_pk: int | None) -> Condition:
    if definition == ALL:
        return true()
    if definition == SUBSCRIBED:
        return subscribed(notification_type)
    if definition == SOURCE:
        return exists().where(
            BroadcastMember.broadcast_id == broadcast_pk, BroadcastMember.recipient_id == Recipient.id
        )
    if "include" in definition:
        left_out = (_matching(one, notification_type, broadcast_pk) for one in definition["exclude"])
        return and_(_matching(definition["include"], notification_type, broadcast_pk), *(not_(one) for one in left_out))
    if "segment" in definition:
        return exists().where(
            SegmentMember.segment_id == definition["segment"], SegmentMember.recipient_id == Recipient.id
        )
    if "ids" in definition:
        return _listed(definition["ids"])
    return compile_definition(definition, db.engine.dialect.name)


def _named(audience: str) -> tuple[str, Any]:
    if audience in RESERVED:
        return {ALL: "Everybody", SUBSCRIBED: "Subscribers"}[audience], audience
    with reading() as connection:
        columns = (Segment.id, Segment.name, Segment.definition)
        row = connection.execute(select(*columns).where(Segment.slug == audience)).first() if storable(audience) else None
        if row is None:
            raise _unknown(audience, list(connection.execute(select(Segment.slug).order_by(Segment.slug).limit(1000)).scalars()))
    if row.definition is None:
        return row.name, {"segment": row.id}
    validate(row.definition, at="/audience")
    return row.name, freeze_definition(row.definition, utcnow())


def _unknown(slug: str, slugs: list[str]) -> UnknownAudience:
    close = difflib.get_close_matches(slug[:100], [*slugs, *RESERVED], n=3)
    remedy = f"Did you mean {' or '.join(close)}?" if close else 'Use "all", "subscribed" or the slug of a saved segment.'
    return UnknownAudience(f"There is no segment {slug[:100]!r}.", field="audience", remedy=remedy)


def _ids(audience: Mapping[str, Any]) -> list[str]:
    ids = audience["ids"]
    plain = isinstance(ids, list | tuple) and all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in ids)
    if not plain or not 1 <= len(ids) <= MAX_IDS or len(audience) > 1 or not all(storable(str(entry)) for entry in ids):
        raise InvalidAudience(
            "The list of ids is not understood.", field="audience",
            remedy=f'Give {{"ids": [...]}} with 1 to {MAX_IDS} of your ids.',
        )
    return list(dict.fromkeys(str(entry) for entry in ids))


def _listed(ids: list[str]) -> Condition:
    # One parameter for the whole list: databases bound how many there may be.
    if db.engine.dialect.name == "postgresql":
        return Recipient.external_id == func.any(bindparam(None, ids, type_=ARRAY(TEXT), unique=True))
    listed = func.json_each(bindparam(None, json.dumps(ids), unique=True)).table_valued("value")
    return Recipient.external_id.in_(select(listed.c.value))
