"""A broadcast's fan-out into rows, page by page. The cursor moves in the rows' own transaction: it resumes where it stopped."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from tasks import compose, live, outbox
from tasks.audience import frozen, recipients, segments, source, staging
from tasks.audience.frozen import Part
from tasks.audience.recipients import Person
from tasks.database import reading, writing
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.ledger import counts
from tasks.ledger.processes import current_process_id
from tasks.models import Broadcast, Notification
from tasks.models.broadcast import canary_holds, may_begin, window_is_open
from tasks.models.types import AnyRow, db_clock
from tasks.models.words import CLOSED_STATES, EXPANDING, FAILED, QUEUED, SENDING
from tasks.plan import Plan, load_version
from tasks.record_each import Entry, record_each
from tasks.record_same import record_same
from tasks.render import Rendered, snapshot
from tasks.route import NEVER, decide, gone
from tasks.safety import approval

PAGE = 500  # people in one transaction: small enough that a single send hardly waits behind it
SAME_PAGE = {"sqlite": 5_000, "postgresql": 10_000}  # where the database writes the rows itself
LONGEST = {"sqlite": 0.05, "postgresql": math.inf}  # seconds of one transaction: where there is one writer, the others wait
SMALLEST = 0.2  # of a page, where the machine is so busy that a whole one would take longer than that
PAUSE = 0.001  # seconds between two pages, in which whoever waits for the write lock gets it


@dataclass(frozen=True, slots=True)
class Page:
    """What a page left to do: messages to show live, channels to wake."""

    notification_pks: list[int]
    channels: set[str]
    took: float  # seconds that its statements took: neither the wait for the lock nor the disk's


def expand(broadcast_pk: int, stopping: Callable[[], bool], wake: Callable[[set[str]], None]) -> None:
    """Write the rows of a broadcast until its audience ends, it is paused, cancelled or out of its window, or `stopping` says so.

    `wake` is told which channels got something to do, after each page's commit. Several workers may run this for one broadcast:
    the broadcast's row is locked for each page.
    """
    if not approval.stands(broadcast_pk) or not _begin(broadcast_pk):
        return
    if not staging.copy(broadcast_pk, stopping) or not _freeze(broadcast_pk):
        return
    share = 1.0
    while not stopping():
        page = _page(broadcast_pk, share)
        if page is None:
            return
        share = _next_share(share, page.took)
        if page.channels:
            wake(page.channels)
        live.announce(page.notification_pks)
        time.sleep(PAUSE)


def _begin(broadcast_pk: int) -> bool:
    """Settle what the audience means: queued -> expanding. True where there is something to expand."""
    with writing() as connection:
        columns = (Broadcast.state, Broadcast.audience, Broadcast.template_version_id)
        row = connection.execute(select(*columns).where(Broadcast.pk == broadcast_pk, may_begin(), ~canary_holds())).first()
        if row is None or row.state not in {QUEUED, EXPANDING}:
            return False
        if row.state == QUEUED:
            plan = load_version(connection, row.template_version_id)
            try:
                audience = segments.resolve_audience(row.audience, plan.notification_type)
            except CarillonError as error:
                _fail(connection, broadcast_pk, str(error))
                return False
            begun = connection.execute(
                update(Broadcast)
                .where(Broadcast.pk == broadcast_pk, Broadcast.state == QUEUED, may_begin())
                .values(
                    state=EXPANDING, started_at=db_clock(), audience_definition=audience.definition, version=Broadcast.version + 1
                )
            )
            return bool(begun.rowcount)  # none: somebody took it back, or another worker began it, at this very moment
        return True


def _freeze(broadcast_pk: int) -> bool:
    """Settle who belongs to the audience, where nobody has yet. True where it is frozen."""
    with reading() as connection:
        columns = (Broadcast.template_version_id, Broadcast.audience_definition, Broadcast.frozen_at, Broadcast.plan_hash)
        row = connection.execute(select(*columns).where(Broadcast.pk == broadcast_pk)).one()
        if row.frozen_at is not None:
            return True
        plan = load_version(connection, row.template_version_id)
    if row.plan_hash and not source.is_source(row.audience_definition):
        return frozen.adopt(broadcast_pk, row.plan_hash)
    where = segments.condition(row.audience_definition, plan.notification_type, broadcast_pk=broadcast_pk)
    return frozen.freeze(broadcast_pk, where)


def _next_share(share: float, took: float) -> float:
    """How much of a full page the next one may be, after one that took so many seconds."""
    return min(1.0, max(SMALLEST, share * LONGEST[db.engine.dialect.name] / max(took, 1e-6)))


def _page(broadcast_pk: int, share: float = 1.0) -> Page | None:
    """One page, or a `share` of it, in one transaction. None where there is nothing (more) to expand."""
    slot = current_process_id()
    with writing() as connection:
        row = _lock(connection, broadcast_pk)
        if row is None:
            return None
        started = time.monotonic()
        plan = load_version(connection, row.template_version_id)
        rings = plan.policy.channels if row.channels is None else tuple(row.channels)
        same = _same_for_all(plan, row, rings)
        size = SAME_PAGE[connection.dialect.name] // (1 + len(rings)) if same else PAGE
        part = frozen.next_part(connection, broadcast_pk, row.cursor, int(size * share), _room(row))
        write = _same if same else _each
        written, pks = write(connection, plan, row, part, rings)
        if row.is_test:
            _keep_out(connection, broadcast_pk, part)
        changes = {(broadcast_pk, *key): count for key, count in written.items() if key[1] in CLOSED_STATES}
        counts.add(connection, slot, changes)
        _move(connection, broadcast_pk, part)
        took = time.monotonic() - started
    return Page(pks, {channel for (channel, state), count in written.items() if state == QUEUED and count}, took)


def _same_for_all(plan: Plan, row: AnyRow, rings: Sequence[str]) -> bool:
    """True where a page needs no Python: one text for all, nothing that an outside channel's text reads of the person and that is
    kept beside the row, and no channel that waits. Those who are online see it at their next sweep, 2 s at most.
    """
    waits = row.channels is None and (plan.policy.escalate or plan.policy.offline_only)
    return row.title is not None and not row.is_test and not (rings and (plan.version.is_personal or waits))


def _keep_out(connection: Connection, broadcast_pk: int, part: Part) -> None:
    """What a test key sends is on record and in nobody's inbox."""
    here = (Notification.recipient_id > part.after, Notification.recipient_id <= part.upto, Notification.deleted_at.is_(None))
    connection.execute(update(Notification).where(Notification.broadcast_id == broadcast_pk, *here).values(deleted_at=db_clock()))


def _same(
    connection: Connection, plan: Plan, row: AnyRow, part: Part, rings: Sequence[str]
) -> tuple[Counter[tuple[str, str]], list[int]]:
    return record_same(connection, plan, row, part, rings), []


def _each(
    connection: Connection, plan: Plan, row: AnyRow, part: Part, rings: Sequence[str]
) -> tuple[Counter[tuple[str, str]], list[int]]:
    values = {"broadcast": row.pk, "after": part.after, "upto": part.upto}
    people = recipients.chosen(connection, frozen.is_member(connection.dialect.name), values, plan.notification_type)
    return record_each(connection, plan, row, _entries(plan, people, row, rings), part)


def _lock(connection: Connection, broadcast_pk: int) -> AnyRow | None:
    """The broadcast's row, locked until the page is committed; None where it is not being expanded (any more)."""
    return connection.execute(
        update(Broadcast)
        .where(Broadcast.pk == broadcast_pk, Broadcast.state == EXPANDING, window_is_open(), ~canary_holds())
        .values(version=Broadcast.version)
        .returning(
            Broadcast.pk.label("pk"),
            Broadcast.cursor,
            Broadcast.data,
            Broadcast.title,
            Broadcast.channels,
            Broadcast.template_version_id,
            Broadcast.expires_at,
            Broadcast.is_test,
            Broadcast.expanded_count,
            Broadcast.canary_people,
            Broadcast.canary_ended_at,
        )
    ).first()


def _room(row: AnyRow) -> int | None:
    """How many people of its canary still have no rows; None where there is no canary, or it has ended."""
    if row.canary_people is None or row.canary_ended_at is not None:
        return None
    return int(row.canary_people - row.expanded_count)


def _move(connection: Connection, broadcast_pk: int, part: Part) -> None:
    """Move the cursor behind this page."""
    values: dict[str, Any] = {"expanded_count": Broadcast.expanded_count + part.count, "cursor": part.upto}
    if part.is_last:
        values |= {"state": SENDING, "expanded_at": db_clock()}
    connection.execute(update(Broadcast).where(Broadcast.pk == broadcast_pk).values(**values))


def _entries(plan: Plan, people: list[Person], row: AnyRow, rings: Sequence[str]) -> list[Entry]:
    """Each person's part of a broadcast. Where the text is the same for all it stands in the broadcast, rendered once."""
    escalate = plan.policy.escalate if row.channels is None else NEVER
    read = [_read(plan, person) for person in people]
    fields = [None if isinstance(known, CarillonError) else known for known in read]
    texts: list[Rendered | CarillonError | None] = [known if isinstance(known, CarillonError) else None for known in read]
    if row.title is None:
        there = [number for number, person in enumerate(people) if texts[number] is None and not gone(person)]
        read_of = [fields[number] or {} for number in there]
        found = plan.version.render_many(row.data, read_of, compose.parts_of(()), are_read=True)
        for number, text in zip(there, found, strict=True):
            texts[number] = text
    return [
        Entry(
            person,
            Rendered() if isinstance(text, CarillonError) or (text is None and row.title is None) else text,
            known,
            decide(rings, person, mandatory=plan.policy.mandatory, escalate=escalate),
            str(text) if isinstance(text, CarillonError) else "",
        )
        for person, known, text in zip(people, fields, texts, strict=True)
    ]


def _read(plan: Plan, person: Person) -> Mapping[str, Any] | CarillonError | None:
    """What the text reads of a person; where that cannot be kept, why: it is that person's trouble and stops nobody else."""
    try:
        return None if gone(person) else snapshot(plan.version, person.fields())
    except CarillonError as error:
        return error


def _fail(connection: Connection, broadcast_pk: int, detail: str) -> None:
    connection.execute(
        update(Broadcast).where(Broadcast.pk == broadcast_pk).values(state=FAILED, detail=detail, finished_at=db_clock())
    )
    outbox.broadcast(connection, broadcast_pk, FAILED, reason=detail)
