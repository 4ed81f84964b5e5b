"""Who is online, across processes: one row for every live connection, which counts only while its process is alive."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, bindparam, delete, exists, insert, select

from tasks.database import reading, upsert, writing
from tasks.direct import Direct
from tasks.gathering import gathered
from tasks.models import Connection, Notification, Process
from tasks.models.types import db_clock

T = TypeVar("T")

DEAD_AFTER = 60.0  # seconds without a heartbeat, on the database's clock: as long as the ledger waits
CHUNK = 1_000  # people asked about in one statement


def _alive() -> ColumnElement[bool]:
    beating = Process.heartbeat_at > db_clock(-DEAD_AFTER)
    return exists().where(Process.id == Connection.process_id, Process.ended_at.is_(None), beating)


def came(sid: str, recipient_id: int, process_id: int) -> None:
    """Note a connection of this process, before it reads what was missed: senders look here after their commit."""
    gathered(_insert, {"sid": sid, "recipient_id": recipient_id, "process_id": process_id})


def left(sid: str) -> None:
    """Forget a connection."""
    gathered(_delete, sid)


def _insert(rows: Sequence[Mapping[str, object]]) -> Sequence[None]:
    with writing() as connection:
        connection.execute(insert(Connection).values(connected_at=db_clock()), list(rows))
    return [None] * len(rows)


def _delete(sids: Sequence[str]) -> Sequence[None]:
    with writing() as connection:
        connection.execute(delete(Connection).where(Connection.sid.in_(sids)))
    return [None] * len(sids)


def online(recipient_ids: Collection[int]) -> set[int]:
    """Which of these people have a live connection, in any process."""
    query = select(Connection.recipient_id).where(_alive())
    with reading() as connection:
        return {
            person
            for some in _chunks(recipient_ids)
            for person in connection.execute(query.where(Connection.recipient_id.in_(some))).scalars()
        }


def online_receivers(first: int, last: int) -> set[int]:
    """Which people with a live connection have a message with a number from `first` to `last`. One cheap statement.

    A range, because a thousand single numbers take the database longer to read than to answer.
    """
    with reading() as connection:
        return {row.recipient_id for row in _ONLINE_RECEIVERS.all(connection, {"first": first, "last": last})}


_ONLINE_RECEIVERS = Direct(  # every send asks it
    select(Notification.recipient_id)
    .where(
        Notification.pk.between(bindparam("first", type_=Notification.pk.type), bindparam("last", type_=Notification.pk.type)),
        exists().where(Connection.recipient_id == Notification.recipient_id, _alive()),
    )
    .distinct()
)


def reconcile(process_id: int, here: Mapping[str, int]) -> None:
    """Make the rows of a process equal its connections (sid: person), and drop those of processes that are gone.

    A row can be wrong after the database was away while somebody came or left.
    """
    with reading() as connection:
        mine = select(Connection.sid, Connection.connected_at < db_clock(-DEAD_AFTER)).where(Connection.process_id == process_id)
        written = {sid: bool(settled) for sid, settled in connection.execute(mine)}
        stale = connection.execute(select(Connection.sid).where(~_alive(), Connection.process_id != process_id)).scalars().all()
    missing = [
        {"sid": sid, "recipient_id": person, "process_id": process_id, "connected_at": db_clock()}
        for sid, person in here.items()
        if sid not in written
    ]
    # A new row may belong to somebody who came since `here` was taken.
    gone = [*(sid for sid, settled in written.items() if settled and sid not in here), *stale]
    if not (missing or gone):
        return
    with writing() as connection:
        for row in missing:
            connection.execute(upsert(Connection, connection.dialect.name).values(row).on_conflict_do_nothing())
        for some in _chunks(gone):
            connection.execute(delete(Connection).where(Connection.sid.in_(some)))


def _chunks(values: Collection[T]) -> Iterator[Sequence[T]]:
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
