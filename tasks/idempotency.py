"""Idempotency keys: the first call's answer, written in the transaction of its work, and given again to every repeat.

A call that comes over HTTP keeps its answer's very text. Where that is not known before the work's transaction ends (all is sent
before answering) the row keeps what was recorded, and gets the text before anybody hears it: so a row without a text belongs to a
call that nobody has had an answer to.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, delete, select, update

from tasks.database import reading, upsert, writing
from tasks.errors import IdempotencyConflict, IdempotencyRunning
from tasks.models import IdempotencyKey
from tasks.models.types import AnyRow, db_clock
from tasks.options import SendOptions

CLAIM_LASTS = 30.0  # seconds: a call without a transaction of its own that has not ended by then was killed

# Built once: composing such a statement costs as much as running it. They want `_of(options)`.
_TABLE = IdempotencyKey.__table__
_SCOPE, _KEY = bindparam("its_scope", type_=Text()), bindparam("its_key", type_=Text())
_THIS = and_(_TABLE.c.scope == _SCOPE, _TABLE.c.key == _KEY)
_LOOK = select(_TABLE.c.body_hash, _TABLE.c.answer, _TABLE.c.body, _TABLE.c.status).where(_THIS)
_KEPT = {name: bindparam(name, type_=_TABLE.c[name].type) for name in ("status", "body", "answer")}
_KEEP = update(IdempotencyKey).where(_THIS).values(_KEPT)


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
    status, body = text or (None, None)
    connection.execute(_KEEP, {**_of(options), "status": status, "body": body, "answer": answer if text is None else None})


def settle(options: SendOptions, status: int, text: str) -> None:
    """Keep the text of an answer whose work is done, before it is given. Raises Repeated where another call was first."""
    if options.idempotency_key is None:
        return
    with writing() as connection:
        first = update(IdempotencyKey).where(_THIS, IdempotencyKey.body.is_(None))
        if not connection.execute(first.values(status=status, body=text, answer=None), _of(options)).rowcount:
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
        late = and_(_THIS, IdempotencyKey.body.is_(None), IdempotencyKey.created_at < db_clock(-CLAIM_LASTS))
        if not connection.execute(update(IdempotencyKey).where(late).values(created_at=db_clock()), _of(options)).rowcount:
            raise _running()
        return True


def release(options: SendOptions) -> None:
    """Give a claimed key back: the call was refused, and may come again."""
    with writing() as connection:
        connection.execute(delete(IdempotencyKey).where(_THIS, IdempotencyKey.body.is_(None)), _of(options))


def look(connection: Connection, options: SendOptions) -> AnyRow | None:
    """What is kept under a key, without taking it; None where it is new. Raises Repeated and IdempotencyConflict."""
    row = connection.execute(_LOOK, _of(options)).first()
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
    values = {**_of(options), "body_hash": options.body_hash}
    return connection.execute(_taking(connection.dialect.name), values).first() is not None


@cache
def _taking(dialect: str) -> Any:
    table = IdempotencyKey.__table__
    row: Mapping[str, Any] = {
        "scope": _SCOPE, "key": _KEY, "body_hash": bindparam("body_hash", type_=Text()), "created_at": db_clock(),
    }
    return upsert(table, dialect).values(row).on_conflict_do_nothing().returning(table.c.id)


def _known(connection: Connection, options: SendOptions) -> AnyRow:
    """The first call's row. Raises Repeated where it has its answer, IdempotencyConflict where it had another body."""
    row = look(connection, options)
    if row is None:
        raise _running()  # it was given back at this very moment
    return row


def _of(options: SendOptions) -> dict[str, Any]:
    return {"its_scope": options.idempotency_scope, "its_key": options.idempotency_key}


def _running() -> IdempotencyRunning:
    return IdempotencyRunning(
        "The first call with this key has not ended.", field="Idempotency-Key", remedy="Try again shortly."
    )
