"""Idempotency keys: the first call's answer, written in the transaction of its work, and given again to every repeat.

A call that comes over HTTP keeps its answer's very text. Where that is not known before the work's transaction ends (all is sent
before answering) the row keeps what was recorded, and gets the text before anybody hears it: so a row without a text belongs to a
call that nobody has had an answer to.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from tasks.database import reading, upsert, writing
from tasks.errors import IdempotencyConflict, IdempotencyRunning
from tasks.models import IdempotencyKey
from tasks.models.types import AnyRow, db_clock
from tasks.options import SendOptions

CLAIM_LASTS = 30.0  # seconds: a call without a transaction of its own that has not ended by then was killed
_COLUMNS = (IdempotencyKey.body_hash, IdempotencyKey.answer, IdempotencyKey.body, IdempotencyKey.status)


class Repeated(Exception):
    """No error: the call was made before, and this is what it was answered. Whoever asked gets it again, byte for byte."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__("answered before")
        self.status = status
        self.body = body


def replay(connection: Connection, options: SendOptions) -> Any | None:
    """None for a first call, whose key is now taken until the transaction ends; what was recorded for a repeat.

    A repeat that comes while the first call's transaction runs waits for it in the database. Raises Repeated where the answer's
    text is kept, IdempotencyConflict where the key came with another body, IdempotencyRunning where it was only claimed.
    """
    if options.idempotency_key is None or _take(connection, options):
        return None
    known = _known(connection, options)
    if known.answer is None:
        raise _running()
    return known.answer


def keep(connection: Connection, options: SendOptions, answer: Any, text: tuple[int, str] | None = None) -> None:
    """Keep what was recorded (plain JSON), or the answer's status and `text`, for the repeats: in the work's transaction."""
    if options.idempotency_key is None:
        return
    values = {"answer": answer} if text is None else {"status": text[0], "body": text[1], "answer": None}
    connection.execute(update(IdempotencyKey).where(_this(options)).values(values))


def settle(options: SendOptions, status: int, text: str) -> None:
    """Keep the text of an answer whose work is done, before it is given. Raises Repeated where another call was first."""
    if options.idempotency_key is None:
        return
    with writing() as connection:
        first = update(IdempotencyKey).where(_this(options), IdempotencyKey.body.is_(None))
        if not connection.execute(first.values(status=status, body=text, answer=None)).rowcount:
            _known(connection, options)


def claim(options: SendOptions) -> bool:
    """Take the key for a call whose work is safe to do again. True where one before it was killed: how far it came is not known.

    Raises as `replay` does. The caller ends with `settle` or `release`.
    """
    with reading() as connection:
        look(connection, options)
    with writing() as connection:
        if _take(connection, options):
            return False
        _known(connection, options)
        late = and_(_this(options), IdempotencyKey.body.is_(None), IdempotencyKey.created_at < db_clock(-CLAIM_LASTS))
        if not connection.execute(update(IdempotencyKey).where(late).values(created_at=db_clock())).rowcount:
            raise _running()
        return True


def release(options: SendOptions) -> None:
    """Give a claimed key back: the call was refused, and may come again."""
    with writing() as connection:
        connection.execute(delete(IdempotencyKey).where(_this(options), IdempotencyKey.body.is_(None)))


def look(connection: Connection, options: SendOptions) -> AnyRow | None:
    """What is kept under a key, without taking it; None where it is new. Raises Repeated and IdempotencyConflict."""
    row = connection.execute(select(*_COLUMNS).where(_this(options))).first()
    if row is None:
        return None
    if row.body_hash != options.body_hash:
        raise IdempotencyConflict(
            "This idempotency key was used with another body.", field="Idempotency-Key", remedy="Use a new key for a new request."
        )
    if row.body is not None:
        raise Repeated(row.status, row.body)
    return row


def _take(connection: Connection, options: SendOptions) -> bool:
    row: Mapping[str, Any] = {
        "scope": options.idempotency_scope, "key": options.idempotency_key, "body_hash": options.body_hash,
        "created_at": db_clock(),
    }
    insert = upsert(IdempotencyKey, connection.dialect.name).values(row).on_conflict_do_nothing()
    return connection.execute(insert.returning(IdempotencyKey.id)).first() is not None


def _known(connection: Connection, options: SendOptions) -> AnyRow:
    """The first call's row. Raises Repeated where it has its answer, IdempotencyConflict where it had another body."""
    row = look(connection, options)
    if row is None:
        raise _running()  # it was given back at this very moment
    return row


def _this(options: SendOptions) -> ColumnElement[bool]:
    return and_(IdempotencyKey.scope == options.idempotency_scope, IdempotencyKey.key == options.idempotency_key)


def _running() -> IdempotencyRunning:
    return IdempotencyRunning(
        "The first call with this key has not ended.", field="Idempotency-Key", remedy="Try again shortly."
    )
