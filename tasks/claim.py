"""Claiming: lease the due rows of a lane and load, in a few statements, everything their provider needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from sqlalchemy import Connection, bindparam, exists, or_, select

from tasks import compose, presence
from tasks.audience.recipients import Person
from tasks.database import reading
from tasks.direct import ByIds
from tasks.errors import CarillonError
from tasks.ledger import lease
from tasks.ledger.pace import FREE, Pace
from tasks.models import Attempt, Broadcast, Delivery, Device, Notification, OptOut, Recipient, Rule, TemplateVersion
from tasks.models.types import AnyRow
from tasks.models.words import ONLINE, PUSH
from tasks.plan import COLUMNS, RULE_COLUMNS, Policy, policy
from tasks.render import Rendered, compiled
from tasks.work import Work

_OPTED_OUT = exists().where(
    OptOut.recipient_id == Recipient.id,
    OptOut.notification_type == TemplateVersion.notification_type,
    or_(OptOut.channel == "*", OptOut.channel == Delivery.channel),
)
_ROWS = ByIds(
    select(
        TemplateVersion.id.label("version_id"),
        TemplateVersion.notification_type,
        _OPTED_OUT.label("opted_out"),
        Delivery.pk.label("delivery_pk"),
        Delivery.broadcast_id,
        Delivery.attempt_count,
        Delivery.round,
        Delivery.notification_id,
        Notification.own_data.label("own_data"),
        Notification.is_test,
        Notification.is_trial,
        Notification.channel.label("forced"),
        Notification.recipient_fields,
        Recipient.id.label("person_pk"),
        Recipient.external_id,
        Recipient.name,
        Recipient.email,
        Recipient.phone,
        Recipient.locale,
        Recipient.timezone,
        Recipient.country,
        Recipient.attributes,
        Recipient.is_active,
        Recipient.deleted_at,
    )
    .select_from(Delivery)
    .join(Notification, Delivery.notification_id == Notification.pk)
    .join(Recipient, Notification.recipient_id == Recipient.id)
    .join(TemplateVersion, Notification.template_version_id == TemplateVersion.id)
    .order_by(Delivery.pk),
    Delivery.pk,
)
# What many rows share is read once: a version's text may be 10 kB.
_VERSIONS = ByIds(
    select(*COLUMNS, *RULE_COLUMNS)
    .outerjoin(Rule, Rule.notification_type == TemplateVersion.notification_type),
    TemplateVersion.id,
)
_DATA = select(Broadcast.pk, Broadcast.data).where(Broadcast.pk.in_(bindparam("ids", expanding=True)))
Devices = Mapping[int, Sequence[tuple[int, str, str]]]


class Claimed(Sequence[Work]):
    """Leased deliveries whose messages are rendered when a slice is taken: the caller does so while others are on the wire."""

    def __init__(self, channel: str, rows: Sequence[AnyRow], shared: "_Shared") -> None:
        self._channel, self._rows, self._shared = channel, rows, shared

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, which: int) -> Work: ...
    @overload
    def __getitem__(self, which: slice) -> list[Work]: ...
    def __getitem__(self, which: int | slice) -> Work | list[Work]:
        if isinstance(which, int):
            return _works([self._rows[which]], self._channel, self._shared)[0]
        return _works(self._rows[which], self._channel, self._shared)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the rows of a claim need beside themselves, each by its id."""

    versions: Mapping[int, AnyRow]
    policies: Mapping[int, Policy]
    data: Mapping[int | None, dict[str, Any]]
    devices: Devices
    reached: Mapping[int, set[int]]
    online: Collection[int]  # people on a connection, where a rule rings this channel only for the others


def claim(
    channel: str, broadcast_pk: int | None, limit: int, process_id: int, pace: Pace = FREE
) -> tuple[str, Sequence[Work]]:
    """Lease up to `limit` due deliveries of a lane. Returns the lease's token and the work, ready for `deliver.send`."""
    token, ids = lease.lease(channel, broadcast_pk, limit, process_id, pace)
    if not ids:
        return token, []
    with lease.abandoned_on_error(token), reading() as connection:
        rows = _ROWS.all(connection, ids)
        return token, Claimed(channel, rows, _shared(connection, channel, rows))


def _shared(connection: Connection, channel: str, rows: Sequence[AnyRow]) -> _Shared:
    version_ids = sorted({row.version_id for row in rows})
    versions = {row.id: row for row in _VERSIONS.all(connection, version_ids)}
    sent = sorted({row.broadcast_id for row in rows} - {None})
    data = {pk: kept or {} for pk, kept in connection.execute(_DATA, {"ids": sent})} if sent else {}
    again = [row.delivery_pk for row in rows if row.attempt_count > 1 or row.round > 1]
    policies = {pk: policy(row) for pk, row in versions.items()}
    quiet = {pk for pk, how in policies.items() if channel in how.offline_only}
    return _Shared(
        versions,
        policies,
        data,
        _devices(connection, [row.person_pk for row in rows]) if channel == PUSH else {},
        _reached(connection, again) if channel == PUSH else {},
        presence.online([row.person_pk for row in rows if row.version_id in quiet and row.forced is None]) if quiet else (),
    )


def _devices(connection: Connection, people: Sequence[int]) -> Devices:
    found: dict[int, list[tuple[int, str, str]]] = {}
    rows = connection.execute(
        select(Device.recipient_id, Device.id, Device.token, Device.kind)
        .where(Device.recipient_id.in_(people), Device.is_active)
        .order_by(Device.id)
    )
    for person, pk, token, kind in rows:
        found.setdefault(person, []).append((pk, token, kind))
    return found


def _reached(connection: Connection, deliveries: Sequence[int]) -> dict[int, set[int]]:
    """The devices that an earlier attempt of a delivery reached: a retry for the others must leave them alone."""
    found: dict[int, set[int]] = {}
    if deliveries:
        rows = connection.execute(
            select(Attempt.delivery_id, Attempt.device_id).where(
                Attempt.delivery_id.in_(deliveries), Attempt.outcome == "sent", Attempt.device_id.is_not(None)
            )
        )
        for delivery, device in rows:
            found.setdefault(delivery, set()).add(int(device or 0))
    return found


def _works(rows: Sequence[AnyRow], channel: str, shared: _Shared) -> list[Work]:
    people = [_person(row, shared) for row in rows]
    problems = [
        _problem(row, channel, person, shared) for row, person in zip(rows, people, strict=True)
    ]
    texts = _rendered([row for row, problem in zip(rows, problems, strict=True) if not problem], channel, shared)
    return [
        _work(row, channel, person, problem, texts.get(row.delivery_pk), shared)
        for row, person, problem in zip(rows, people, problems, strict=True)
    ]


def _person(row: AnyRow, shared: _Shared) -> Person:
    return Person(
        row.person_pk,
        row.external_id,
        row.name,
        row.email,
        row.phone,
        row.locale,
        row.timezone,
        row.country,
        row.attributes,
        row.is_active,
        tuple(shared.devices.get(row.person_pk, ())),
        frozenset(),
    )


def _work(
    row: AnyRow, channel: str, person: Person, problem: str, text: Rendered | CarillonError | None, shared: _Shared
) -> Work:
    got = frozenset(shared.reached.get(row.delivery_pk, ()))
    message, detail = None, ""
    if isinstance(text, Rendered):
        message = compose.message(
            channel,
            text,
            person,
            delivery_pk=row.delivery_pk,
            notification_pk=row.notification_id,
            notification_type=row.notification_type,
            data=_data(row, shared),
            attempt=row.attempt_count,
            skip_devices=got,
        )
    elif text is not None:
        problem, detail = "render_failed", str(text)
    how = shared.policies[row.version_id]
    return Work(
        row.delivery_pk, row.broadcast_id, channel, row.attempt_count, how, message, problem, detail, row.round, bool(got),
        row.is_test, row.is_trial,
    )


def _data(row: AnyRow, shared: _Shared) -> dict[str, Any]:
    data = shared.data.get(row.broadcast_id, {})
    return {**data, **row.own_data} if row.own_data else data


def _rendered(rows: Sequence[AnyRow], channel: str, shared: _Shared) -> dict[int, Rendered | CarillonError]:
    """The texts by delivery, or why there are none. Those of one version that share all their data are rendered in one run."""
    found: dict[int, Rendered | CarillonError] = {}
    runs: dict[tuple[int, int | None, int], list[AnyRow]] = {}
    for row in rows:
        runs.setdefault((row.version_id, row.broadcast_id, row.delivery_pk if row.own_data else 0), []).append(row)
    for (version, _, _), together in runs.items():
        try:
            texts: Sequence[Rendered | CarillonError] = compiled(shared.versions[version]).render_many(
                _data(together[0], shared), [row.recipient_fields or {} for row in together], compose.PARTS[channel]
            )
        except CarillonError as error:
            texts = [error] * len(together)
        found.update((row.delivery_pk, text) for row, text in zip(together, texts, strict=True))
    return found


def _problem(row: AnyRow, channel: str, person: Person, shared: _Shared) -> str:
    """Why a person cannot get it any more: much may have changed since it was routed."""
    if row.deleted_at is not None:
        return "recipient_deleted"
    if not row.is_active and not row.is_trial:  # an operator's own row is off for everything else
        return "recipient_inactive"
    how = shared.policies[row.version_id]
    if row.opted_out and not how.mandatory:
        return "opted_out"
    if row.person_pk in shared.online and channel in how.offline_only and row.forced is None:
        return ONLINE
    return "" if compose.targets(channel, person) else {"push": "no_device", "sms": "no_phone", "email": "no_email"}[channel]
