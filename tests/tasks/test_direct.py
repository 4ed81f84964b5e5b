"""Statements handed to the driver: the same rows, conversions and errors as by SQLAlchemy's own way."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, event, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from tasks.database import reading, writing
from tasks.direct import ByIds, Direct
from tasks.extensions import db
from tasks.models import Recipient
from tests.tasks.counting import statements

TABLE = Recipient.__table__
WORDS = {"name": "", "email": "", "phone": "", "locale": "", "timezone": "", "country": "", "is_active": True}
MOMENT = datetime(2026, 1, 31, 9, 0, 0, 5, UTC)
ADD = Direct(insert(TABLE).returning(TABLE.c.id, TABLE.c.attributes, TABLE.c.created_at))
CHANGE = Direct(update(TABLE).values(name="Ann").returning(TABLE.c.id))
BY_ID = Direct(select(TABLE).where(TABLE.c.external_id == bindparam("wanted"), TABLE.c.is_active.is_(True)))


def _row(who: str, **values: object) -> dict[str, object]:
    return {**WORDS, "external_id": who, "attributes": {}, "created_at": MOMENT, "updated_at": MOMENT, **values}


def _cut_and_ask() -> None:
    with writing() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with reading() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        BY_ID.all(connection, {"wanted": "ann"})


def test_rows_and_values_are_those_of_the_long_way(any_app):
    with writing() as connection:
        written = ADD.first(connection, _row("ann", attributes={"plan": ["gold", None, 1.5]}, name="Ann ₹ %s :x"))
    assert (written.attributes, written.created_at) == ({"plan": ["gold", None, 1.5]}, MOMENT)
    with reading() as connection:
        long_way = connection.execute(BY_ID.statement, {"wanted": "ann"}).one()
        row = BY_ID.first(connection, {"wanted": "ann"})
        assert BY_ID.all(connection, {"wanted": "nobody"}) == []
        assert BY_ID.first(connection, {"wanted": "nobody"}) is None
    assert row._asdict() == long_way._asdict()
    assert row.name == "Ann ₹ %s :x"


def test_it_is_part_of_the_transaction(any_app):
    with writing() as connection:
        ADD.all(connection, _row("ann"))
        connection.rollback()
    with reading() as connection:
        assert BY_ID.all(connection, {"wanted": "ann"}) == []


def test_an_error_is_the_one_of_the_long_way(any_app):
    with writing() as connection:
        ADD.all(connection, _row("ann"))
    with pytest.raises(IntegrityError, match="external_id"), writing() as connection:
        ADD.all(connection, _row("ann"))
    with writing() as connection:
        ADD.all(connection, _row("ben"))


@pytest.mark.parametrize("any_app", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_connection_that_was_cut_is_thrown_away(any_app):
    with pytest.raises(OperationalError) as raised:
        _cut_and_ask()
    assert raised.value.connection_invalidated
    with reading() as connection:
        assert BY_ID.all(connection, {"wanted": "ann"}) == []


def test_who_listens_to_statements_hears_of_it(any_app):
    with writing() as connection, statements() as seen:
        ADD.all(connection, _row("ann"))
    with reading() as connection:
        heard: list[str] = []
        event.listen(connection, "after_cursor_execute", lambda _c, _u, text, *_: heard.append(text))
        (row,) = BY_ID.all(connection, {"wanted": "ann"})
    assert row.external_id == "ann"
    assert [text[:6] for text in seen + heard] == ["INSERT", "SELECT"]


def test_what_it_cannot_do_is_refused(any_app):
    with db.engine.connect() as connection:
        with pytest.raises(ValueError, match="default"):
            ADD.all(connection, {"external_id": "ann"})
        with pytest.raises(ValueError, match="default"):
            CHANGE.all(connection, {})  # updated_at is Python's to give
        with pytest.raises(ValueError, match="wanted"):
            Direct(select(TABLE.c.id).where(TABLE.c.id.in_(bindparam("wanted", expanding=True)))).all(connection, {"wanted": [1]})
        with pytest.raises(ValueError, match="wanted"):
            BY_ID.all(connection, {})


def test_rows_by_their_ids(any_app):
    by_pk = ByIds(select(TABLE.c.id, TABLE.c.external_id).order_by(TABLE.c.id), TABLE.c.id)
    with writing() as connection:
        first, second = (ADD.first(connection, _row(who)).id for who in ("ann", "ben"))
    with reading() as connection:
        found = [[row.external_id for row in by_pk.all(connection, ids)] for ids in ([second], [second, first], [second + 1], [])]
    assert found == [["ben"], ["ann", "ben"], [], []]
