"""Finding people as an operator types."""

from flask import Flask
from sqlalchemy import event, select, text

from tasks.audience.search import search
from tasks.extensions import db
from tasks.models import Recipient
from tests import factories


def ids(words: str) -> list[str]:
    return [person.external_id for person in search(words)]


def test_id_first_then_addresses_then_names_that_begin_so(any_app: Flask) -> None:
    factories.person("asha", name="Bishal")
    factories.person("2", name="Asha Gurung", email="ag@example.test", phone="+9779841234567")
    factories.person("3", name="Natasha Rai")

    assert ids("asha") == ["asha", "2"]
    assert ids(" ASHA g") == ["2"]
    assert ids("AG@example.test") == ["2"]
    assert ids("+9779841234567") == ["2"]
    assert ids("gurung") == ["2"]
    assert ids("tasha") == ["3"]  # the middle of a name, where nothing surer is found
    assert ids("as") == ["2"]  # too short for the middle of a name
    assert ids("") == ids("%") == ids("nobody at all") == ids("\x00") == []


def test_the_deleted_are_not_found_and_no_more_than_ten_are(any_app: Flask) -> None:
    factories.people(12, name="Maya")
    factories.person("gone", name="Maya Gone", deleted_at=db.session.scalar(select(Recipient.created_at)))

    assert len(ids("maya")) == 10
    assert "gone" not in ids("maya g")


def test_names_are_found_by_index(any_app: Flask) -> None:
    factories.people(3)
    statements: list[tuple[str, object]] = []

    def keep(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", keep)
    search("person 1")
    event.remove(db.engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    sql, values = next(one for one in statements if "lower(" in one[0] and "max(" not in one[0])
    with db.engine.connect() as connection:
        if explain == "EXPLAIN":
            connection.execute(text("SET enable_seqscan = off"))  # three rows: it would read them all
        plan = str(connection.exec_driver_sql(f"{explain} {sql}", values).all())

    assert "ix_recipients_name" in plan
