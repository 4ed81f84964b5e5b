"""The worker's part: checking every row of a file, and writing those that are good. Resumes where a crash interrupted it.

A check writes nothing but what it found. Writing goes in batches of a thousand, each in one transaction with how far it is; who
comes onto a list is collected beside it, and the list changes once, at the end.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, literal, not_, or_, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from tasks.audience.importer import RowError, read_rows
from tasks.audience.recipients import BATCH, Description, Person, resolve
from tasks.audience.table import Table
from tasks.database import reading, upsert, writing
from tasks.errors import CarillonError
from tasks.imports.columns import table
from tasks.imports.uploads import CHECKED, CHECKING, DONE, FAILED, as_file
from tasks.models import AuditEntry, Import, ImportFault, ImportMember, ImportPart, Recipient, Segment, SegmentMember
from tasks.models.imports import AT_WORK
from tasks.models.types import AnyRow, db_clock

LEASE = 120.0  # seconds; a batch takes a fraction of one, a list of a million people some
MOST_FAULTS = 10_000  # bad rows that are kept to be shown; the others are counted
Found = Description | RowError
log = logging.getLogger(__name__)


class _Gone(Exception):
    """Somebody cancelled it, or another worker took it over."""


def due() -> list[int]:
    """Imports that wait for a worker, or whose worker is gone."""
    free = or_(Import.lease_until.is_(None), Import.lease_until < db_clock(), Import.lease_token.is_(None))
    with reading() as connection:
        return list(connection.execute(select(Import.id).where(AT_WORK, free).order_by(Import.id)).scalars())


def run(pk: int, stopping: Callable[[], bool]) -> None:
    """Do what an import waits for, unless somebody else does. A worker that is asked to end leaves it to the next one."""
    token = secrets.token_hex(8)
    row = _take(pk, token)
    if row is None:
        return
    try:
        with as_file(pk) as path:
            rows = table(path, row.encoding, row.delimiter, row.columns)
            work = _check if row.state == CHECKING else _write
            if work(row, rows, token, stopping):
                return
        with writing() as connection:
            _step(connection, pk, token, lease_token=None)
    except _Gone:
        return
    except CarillonError as error:
        _fail(pk, token, str(error))
    except (OperationalError, InterfaceError):  # the database is away: the lease runs out, and somebody goes on
        raise
    except Exception:  # else every worker would try again, for ever
        log.exception("an import broke off")
        _fail(pk, token, "It broke off for a reason that is in the server's log.")


def _take(pk: int, token: str) -> AnyRow | None:
    free = or_(Import.lease_until.is_(None), Import.lease_until < db_clock(), Import.lease_token.is_(None))
    with writing() as connection:
        mine = update(Import).where(Import.id == pk, AT_WORK, free).values(lease_token=token, lease_until=db_clock(LEASE))
        return connection.execute(mine.returning(*Import.__table__.c)).first()


def _check(row: AnyRow, rows: Table, token: str, stopping: Callable[[], bool]) -> bool:
    """Note what is wrong. From the start each time: a check that was interrupted left only notes."""
    with writing() as connection:
        _step(connection, row.id, token, total=rows.total, read=0, good=0, bad=0)
        connection.execute(delete(ImportFault).where(ImportFault.import_id == row.id))
    good = bad = 0
    for batch in _batches(read_rows(rows)):
        if stopping():
            return False
        batch = batch if row.creates else _known_only(batch)
        faults = [entry for _line, entry in batch if isinstance(entry, RowError)]
        with writing() as connection:
            _keep_faults(connection, row.id, faults[: max(0, MOST_FAULTS - bad)])
            good, bad = good + len(batch) - len(faults), bad + len(faults)
            _step(connection, row.id, token, read=good + bad, good=good, bad=bad)
    return _end(row.id, token, CHECKED)


def _write(row: AnyRow, rows: Table, token: str, stopping: Callable[[], bool]) -> bool:
    """Write the good rows, from the batch after the last one that was written."""
    for number, batch in enumerate(_batches(read_rows(rows))):
        if number * BATCH < row.read:
            continue
        if stopping():
            return False
        people = [replace(entry, creates=row.creates) for _line, entry in batch if isinstance(entry, Description)]
        with writing() as connection:
            found = [one.pk for one in resolve(connection, people) if isinstance(one, Person)]
            if row.segment_id is not None and found:
                staged = [{"import_id": row.id, "recipient_id": pk} for pk in dict.fromkeys(found)]
                connection.execute(upsert(ImportMember, connection.dialect.name).on_conflict_do_nothing(), staged)
            read = number * BATCH + len(batch)
            _step(connection, row.id, token, read=read, saved=Import.saved + len(found))
    return _end(row.id, token, DONE)


def _end(pk: int, token: str, state: str, **values: Any) -> bool:
    """Close a pass, with all that follows from it, in one transaction."""
    with writing() as connection:
        row = connection.execute(select(*Import.__table__.c).where(Import.id == pk)).one()
        if state == DONE and row.segment_id is not None:
            values.update(_change_list(connection, row))
        if state in (DONE, FAILED):
            values["finished_at"] = db_clock()
            for part in (ImportPart, ImportMember):
                connection.execute(delete(part).where(part.import_id == pk))
        _step(connection, pk, token, state=state, lease_token=None, version=Import.version + 1, **values)
    return True


def _fail(pk: int, token: str, detail: str) -> None:
    with suppress(_Gone):
        _end(pk, token, FAILED, detail=detail)


def _change_list(connection: Connection, row: AnyRow) -> dict[str, int]:
    """Everybody of the file comes onto the list at once; who is not in it leaves, where that was asked for."""
    staged = exists().where(ImportMember.import_id == row.id, ImportMember.recipient_id == SegmentMember.recipient_id)
    left = 0
    if row.replaces:
        left = connection.execute(
            delete(SegmentMember).where(SegmentMember.segment_id == row.segment_id, not_(staged))
        ).rowcount
    on_it = exists().where(
        and_(SegmentMember.segment_id == row.segment_id, SegmentMember.recipient_id == ImportMember.recipient_id)
    )
    new = select(literal(row.segment_id), ImportMember.recipient_id).where(ImportMember.import_id == row.id, not_(on_it))
    joined = connection.execute(select(func.count()).select_from(new.subquery())).scalar_one()
    connection.execute(insert(SegmentMember).from_select(["segment_id", "recipient_id"], new))
    connection.execute(update(Segment).where(Segment.id == row.segment_id).values(updated_at=db_clock()))
    changes = {"file": [None, row.file_name], "added": [None, joined], "removed": [None, left]}
    connection.execute(insert(AuditEntry).values(
        actor=row.created_by, action="members", object_type="segment", object_id=str(row.segment_id), changes=changes,
    ))
    return {"joined": joined, "left": left}


def _step(connection: Connection, pk: int, token: str, **values: Any) -> None:
    """Write how far it is, as its holder. Raises _Gone, which rolls back, where it is somebody else's or nobody's by now."""
    ours = (Import.id == pk, Import.lease_token == token, AT_WORK)
    if not connection.execute(update(Import).where(*ours).values(lease_until=db_clock(LEASE), **values)).rowcount:
        raise _Gone


def _keep_faults(connection: Connection, pk: int, faults: list[RowError]) -> None:
    if faults:
        rows = [
            {"import_id": pk, "line": one.line, "column": one.column, "detail": one.detail, "remedy": one.remedy}
            for one in faults
        ]
        connection.execute(upsert(ImportFault, connection.dialect.name).on_conflict_do_nothing(), rows)


def _known_only(batch: list[tuple[int, Found]]) -> list[tuple[int, Found]]:
    """The same, where whoever is not known yet is a bad row."""
    ids = [entry.external_id for _line, entry in batch if isinstance(entry, Description)]
    with reading() as connection:
        known = set(connection.execute(select(Recipient.external_id).where(Recipient.external_id.in_(ids))).scalars())
    return [
        (line, entry if isinstance(entry, RowError) or entry.external_id in known else _unknown(line, entry.external_id))
        for line, entry in batch
    ]


def _unknown(line: int, external_id: str) -> RowError:
    remedy = "Correct it, or let the import create people who are not known yet."
    return RowError(line, "id", f"Nobody is known by {external_id[:80]!r}.", remedy)


def _batches(rows: Iterable[tuple[int, Found]]) -> Iterator[list[tuple[int, Found]]]:
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        yield batch
