"""Hot statements handed straight to the driver: composed by SQLAlchemy once, run without what it does for each call.

That work costs several times what the database does for a row of a single send: SQLite 60 us against 10, PostgreSQL 320 against
80, most of it descriptions of columns that nobody reads. Values and results are converted by the columns' types as ever, an error
is the one that SQLAlchemy would raise, and where somebody listens to statements (a tracer, a test that counts) they go its way.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, bindparam
from sqlalchemy.sql.compiler import SQLCompiler

Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as its driver takes it."""

    sql: str
    binds: Sequence[tuple[str, str, Change | None, Any]]  # the driver's name, the caller's, the type's change, what it is unasked
    by_position: bool
    row: Callable[[Sequence[Any]], Any]

    def values(self, given: Mapping[str, Any]) -> Any:
        found = [
            value if change is None else change(value)
            for _, name, change, fixed in self.binds for value in (given.get(name, fixed),)
        ]
        return tuple(found) if self.by_position else dict(zip((name for name, *_ in self.binds), found, strict=True))


class Direct:
    """A statement with one value for each of its parameters; none of them a list."""

    def __init__(self, statement: Any) -> None:
        self.statement: Any = statement
        self._texts: dict[tuple[str, ...], _Text] = {}

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """The rows, as named tuples. An INSERT without VALUES takes its columns from `values`."""
        return self._run(connection, values, rows=True)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Execute what gives no rows."""
        self._run(connection, values, rows=False)

    def _run(self, connection: Connection, values: Mapping[str, Any], *, rows: bool) -> list[Any]:
        heard = connection.dispatch
        if heard.before_cursor_execute or heard.after_cursor_execute:
            found = connection.execute(self.statement, values)
            return list(found) if rows else []
        text = self._text(connection.dialect, values)
        asked = text.values(values)
        cursor = None
        try:
            cursor = connection.connection.cursor()
            cursor.execute(text.sql, asked)
            return [text.row(row) for row in cursor.fetchall()] if rows else []
        except connection.dialect.loaded_dbapi.Error as error:
            connection._handle_dbapi_exception(error, text.sql, asked, cursor, None)
        finally:
            if cursor is not None:
                cursor.close()

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        return next(iter(self.all(connection, values)), None)

    def _text(self, dialect: Dialect, values: Mapping[str, Any]) -> _Text:
        key = (dialect.name, *values)
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = _composed(self.statement, dialect, list(values))
        return found


class ByIds:
    """A select of rows by their ids in `key`. One id, the commonest case, goes straight to the driver."""

    def __init__(self, statement: Any, key: Any) -> None:
        self._one = Direct(statement.where(key == bindparam("id")))
        self._some = statement.where(key.in_(bindparam("ids", expanding=True)))

    def all(self, connection: Connection, ids: Sequence[int]) -> Sequence[Any]:
        """The rows of these ids, each with its columns as attributes."""
        if len(ids) == 1:
            return self._one.all(connection, {"id": ids[0]})
        return connection.execute(self._some, {"ids": ids}).all()


def _composed(statement: Any, dialect: Dialect, names: list[str]) -> _Text:
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=None if statement.is_select else names)
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise ValueError("a column's default is Python's to give: name a value for each column")
    order = compiled.positiontup if compiled.positional else list(compiled.binds)
    binds = [_bind(name, compiled.binds[name], dialect, names) for name in order or ()]
    return _Text(compiled.string, binds, compiled.positional, _reader(statement, dialect))


def _bind(name: str, bind: BindParameter[Any], dialect: Dialect, names: Sequence[str]) -> tuple[str, str, Change | None, Any]:
    if bind.expanding or (bind.required and bind.key not in names):
        raise ValueError(f"one value is wanted for {bind.key}")
    return name, bind.key, bind.type.dialect_impl(dialect).bind_processor(dialect), bind.value


def _reader(statement: Any, dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    columns = list(statement.exported_columns) if hasattr(statement, "exported_columns") else []
    row = namedtuple("row", [column.key for column in columns])  # type: ignore[misc]  # names that only the statement knows
    changes = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    if not any(changes):
        return row._make
    return lambda found: row._make(
        value if change is None else change(value) for change, value in zip(changes, found, strict=True)
    )
