"""The outside user source, copied before anybody is sent to: a source that changes meanwhile cannot shift the pages."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from tasks.audience import source
from tasks.audience.description import describe
from tasks.audience.recipients import Person, resolve
from tasks.audience.source import SourcePage
from tasks.config import settings
from tasks.database import reading, upsert, writing
from tasks.errors import CarillonError, SourceFailed
from tasks.models import Broadcast, BroadcastMember
from tasks.models.types import db_clock
from tasks.models.words import EXPANDING, FAILED

PATIENCE = (1.0, 5.0, 15.0)  # seconds between two tries of a page
DONE = ""  # source_cursor once every page is copied; None before the first


def copy(broadcast_pk: int, stopping: Callable[[], bool]) -> bool:
    """Copy what is left of the outside source of a broadcast. True where the audience is complete and can be expanded.

    Each page is one transaction with its own cursor, so a crash resumes at the page it interrupted. A source that keeps failing
    ends the broadcast as failed, in words: nobody has been sent to yet.
    """
    while not stopping():
        columns = (Broadcast.audience_definition, Broadcast.source_cursor, Broadcast.state)
        with reading() as connection:
            row = connection.execute(select(*columns).where(Broadcast.pk == broadcast_pk)).one()
        if not source.is_source(row.audience_definition) or row.source_cursor == DONE:
            return True
        if row.state != EXPANDING:
            return False
        try:
            page = _fetch(row.source_cursor, stopping)
        except SourceFailed as error:
            _fail(broadcast_pk, str(error))
            return False
        if page is not None:
            with writing() as connection:
                _keep(connection, broadcast_pk, row.source_cursor, page)
    return False


def _fetch(cursor: str | None, stopping: Callable[[], bool]) -> SourcePage | None:
    """One page, with patience for a source that is only away for a moment; None where the worker is asked to end."""
    for wait in (*PATIENCE, None):
        try:
            return source.fetch(settings(), cursor)
        except SourceFailed as error:
            if wait is None or not error.extra.get("temporary"):
                raise
            until = time.monotonic() + max(wait, min(error.extra.get("retry_after") or 0, 60))
            while time.monotonic() < until:
                if stopping():
                    return None
                time.sleep(0.1)
    return None


def _keep(connection: Connection, broadcast_pk: int, cursor: str | None, page: SourcePage) -> None:
    here = Broadcast.source_cursor == cursor if cursor is not None else Broadcast.source_cursor.is_(None)
    found = resolve(connection, [_described(person) for person in page.people])
    bad = [entry for entry in found if isinstance(entry, CarillonError)]
    moved = connection.execute(
        update(Broadcast)
        .where(Broadcast.pk == broadcast_pk, here)
        .values(
            source_cursor=page.next or DONE, **({"detail": f"The source has bad entries, left out: {bad[-1]}"} if bad else {})
        )
    ).rowcount
    if not moved:  # another worker copied this page meanwhile
        return
    people = dict.fromkeys(person.pk for person in found if isinstance(person, Person))
    if people:
        rows = [{"broadcast_id": broadcast_pk, "recipient_id": pk} for pk in people]
        connection.execute(upsert(BroadcastMember, connection.dialect.name).on_conflict_do_nothing(), rows)


def _described(person: Mapping[str, Any]) -> Any:
    try:
        return describe(person, settings(), strict=False)
    except CarillonError as error:
        return error


def _fail(broadcast_pk: int, detail: str) -> None:
    with writing() as connection:
        connection.execute(
            update(Broadcast)
            .where(Broadcast.pk == broadcast_pk, Broadcast.state == EXPANDING)
            .values(state=FAILED, detail=detail, finished_at=db_clock())
        )
