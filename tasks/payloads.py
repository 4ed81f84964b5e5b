"""A template's draft, tried with the data of the sends that really happened: what would fail, before anybody is sent it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from tasks import compose
from tasks.database import reading
from tasks.errors import CarillonError
from tasks.models import Broadcast, Delivery, Notification, Recipient, Template, TemplateVersion
from tasks.models.types import AnyRow
from tasks.models.words import OUTSIDE_CHANNELS, SKIPPED
from tasks.render import CompiledVersion, compiled
from tasks.rendering.names import RECIPIENT_FIELDS
from tasks.rendering.version import Rendered

MOST = 1_000  # sends that a draft is tried with
SECONDS = 2.0  # after which the rest is left
PAGE = 250  # sends read at once
VERSIONS = 200  # the newest versions whose sends count

_IDS = (
    select(Notification.pk)
    .where(
        Notification.template_version_id == bindparam("version"), Notification.pk > bindparam("above"),
        Notification.is_test.is_(False),
    )
    .order_by(Notification.pk.desc())
    .limit(bindparam("most"))
)
_SENDS = (
    select(
        Notification.pk.label("pk"), Notification.created_at, Notification.template_version_id, Notification.recipient_id,
        Notification.own_data.label("own_data"), Notification.recipient_fields, Broadcast.data.label("shared"),
        Recipient.external_id, Recipient.name, Recipient.email, Recipient.phone, Recipient.locale, Recipient.timezone,
        Recipient.country, Recipient.attributes,
    )
    .join(Recipient, Notification.recipient_id == Recipient.id)
    .outerjoin(Broadcast, Notification.broadcast_id == Broadcast.pk)
    .where(Notification.pk.in_(bindparam("chosen", expanding=True)), Recipient.deleted_at.is_(None))
    .order_by(Notification.pk.desc())
)
_CHANNELS = select(Delivery.notification_id, Delivery.channel).where(
    Delivery.notification_id.in_(bindparam("chosen", expanding=True)), Delivery.channel.in_(OUTSIDE_CHANNELS),
    Delivery.state != SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One send that would fail: which, to whom, with what data, and why."""

    notification_pk: int
    at: datetime
    person: str
    data: Mapping[str, Any]
    reason: str


@dataclass(slots=True)
class Report:
    """What came out. `failing_anyway`: of those that fail, how many fail with the version in use too."""

    found: int = 0  # sends there are, at most MOST
    tried: int = 0
    failing: int = 0
    failing_anyway: int = 0
    first: Failure | None = None  # the newest of those that the draft is to blame for, else the newest at all
    never_supplied: list[str] = field(default_factory=list)  # the draft asks for it, no send gave it
    unused: list[str] = field(default_factory=list)  # sends gave it, the draft asks for nothing of the kind
    out_of_time: bool = False
    seconds: float = 0.0

    @property
    def broken(self) -> int:
        """Sends that work now and would not any more."""
        return self.failing - self.failing_anyway


def tried(template_id: int, draft: CompiledVersion, *, most: int = MOST, seconds: float = SECONDS) -> Report:
    """Write the last `most` sends of a template anew with `draft`, each on the channels that it went to; at most `seconds` long.

    The data is what was sent. Of the person it is what was read of them then, and where the draft reads more, what is known now.
    Test messages and erased people are left out. No connection is held while the texts are written.
    """
    start = time.monotonic()
    with reading() as connection:
        pks = _last(connection, template_id, most)
        current = _in_use(connection, template_id)
    report, supplied = Report(found=len(pks)), set[str]()
    for begin in range(0, len(pks), PAGE):
        for send, channels in _read(pks[begin : begin + PAGE]):
            if time.monotonic() - start > seconds:
                report.out_of_time = True
                return _finished(report, draft, supplied, start)
            supplied |= _one(report, send, channels, draft, current)
    return _finished(report, draft, supplied, start)


def _finished(report: Report, draft: CompiledVersion, supplied: set[str], start: float) -> Report:
    if report.tried:
        report.never_supplied, report.unused = sorted(draft.variables - supplied), sorted(supplied - draft.variables)
    report.seconds = time.monotonic() - start
    return report


def _last(connection: Connection, template_id: int, most: int) -> list[int]:
    """The newest sends, whatever version they were made from: found by index, version by version."""
    versions = (
        select(TemplateVersion.id).where(TemplateVersion.template_id == template_id)
        .order_by(TemplateVersion.number.desc()).limit(VERSIONS)
    )
    chosen: list[int] = []
    for version in connection.scalars(versions).all():
        above = chosen[-1] if len(chosen) == most else 0
        more = connection.scalars(_IDS, {"version": version, "above": above, "most": most}).all()
        if more:
            chosen = sorted([*chosen, *more], reverse=True)[:most]
    return chosen


def _in_use(connection: Connection, template_id: int) -> CompiledVersion | None:
    """The version that the draft would follow."""
    in_use = Template.current_version_id == TemplateVersion.id
    row = connection.execute(select(TemplateVersion.__table__).join(Template, in_use).where(Template.id == template_id)).first()
    try:
        return compiled(row) if row else None
    except CarillonError:  # of a time when more was allowed
        return None


def _read(pks: Sequence[int]) -> Iterable[tuple[AnyRow, tuple[str, ...]]]:
    with reading() as connection:
        sends = connection.execute(_SENDS, {"chosen": pks}).all()
        rung: dict[int, list[str]] = {}
        for pk, channel in connection.execute(_CHANNELS, {"chosen": pks}):
            rung.setdefault(pk, []).append(channel)
    return [(send, tuple(sorted(rung.get(send.pk, ())))) for send in sends]


def _one(
    report: Report, send: AnyRow, channels: tuple[str, ...], draft: CompiledVersion, current: CompiledVersion | None
) -> set[str]:
    """Try one send. Returns the names that it gave."""
    data, person = {**(send.shared or {}), **(send.own_data or {})}, person_of(send, send.recipient_fields or {})
    parts = compose.parts_of(channels)
    report.tried += 1
    outcome = written(draft, data, person, parts)
    if isinstance(outcome, CarillonError):
        anyway = current is not None and isinstance(written(current, data, person, parts), CarillonError)
        first_to_blame = not anyway and report.broken == 0
        report.failing += 1
        report.failing_anyway += anyway
        if report.first is None or first_to_blame:
            report.first = Failure(send.pk, send.created_at, send.name or send.external_id, data, str(outcome))
    return set(data)


def person_of(known: Any, then: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a person (a recipient, or a row of one): as they were read `then`, and the others as they are now."""
    attributes = {**(known.attributes or {}), **(then.get("attributes") or {})}
    now = {name: getattr(known, name) for name in RECIPIENT_FIELDS if name not in ("id", "attributes")}
    return {"id": known.external_id, **now, **then, "attributes": attributes}


def written(
    version: CompiledVersion, data: Mapping[str, Any], person: Mapping[str, Any], parts: Sequence[str]
) -> Rendered | CarillonError:
    """These parts for one send, or why they cannot be written."""
    try:
        return version.render(data, person, parts)
    except CarillonError as error:
        return error
