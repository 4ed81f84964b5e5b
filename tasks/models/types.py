"""Column types and clock functions that mean the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Float, Integer, Row, Text, TypeDecorator, literal
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

AnyRow = Row[*tuple[Any, ...]]  # a result row whose columns the type checker need not follow
# Rows by the thousand million; SQLite wants plain INTEGER for its row id.
BigKey = BigInteger().with_variant(Integer(), "sqlite")
# Row ids in one value: an array, or a JSON text where there are none.
IdList = Text().with_variant(ARRAY(Integer), "postgresql")
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both databases. A naive value is refused: nobody could tell its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored; give it one")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class db_clock(GenericFunction[datetime]):
    """The database server's clock, `seconds` from now: leases and retries never trust a worker's own clock."""

    type = UtcDateTime()
    inherit_cache = True
    name = "db_clock"

    def __init__(self, seconds: Any = 0) -> None:
        super().__init__(seconds if hasattr(seconds, "compile") else literal(float(seconds), Float()))


@compiles(db_clock, "postgresql")
def _postgresql_clock(element: db_clock, compiler: SQLCompiler, **kw: Any) -> str:
    (seconds,) = element.clauses
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(seconds, **kw)}))"


@compiles(db_clock, "sqlite")
def _sqlite_clock(element: db_clock, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLAlchemy stores microseconds and SQLite gives milliseconds: the zeros keep the texts comparable.
    (seconds,) = element.clauses
    return f"(strftime('%Y-%m-%d %H:%M:%f000', 'now', ({compiler.process(seconds, **kw)}) || ' seconds'))"


class db_seconds(GenericFunction[float]):
    """The same clock as a number, seconds since 1970: for what is reckoned in fractions of a second."""

    type = Double()
    inherit_cache = True
    name = "db_seconds"


@compiles(db_seconds, "postgresql")
def _postgresql_seconds(element: db_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


@compiles(db_seconds, "sqlite")
def _sqlite_seconds(element: db_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


class seconds_from(GenericFunction[float]):
    """The seconds from one moment of a row to another."""

    type = Double()
    inherit_cache = True
    name = "seconds_from"


@compiles(seconds_from, "postgresql")
def _postgresql_seconds_from(element: seconds_from, compiler: SQLCompiler, **kw: Any) -> str:
    first, second = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(extract(epoch FROM {second} - {first}) AS double precision)"


@compiles(seconds_from, "sqlite")
def _sqlite_seconds_from(element: seconds_from, compiler: SQLCompiler, **kw: Any) -> str:
    first, second = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"((julianday({second}) - julianday({first})) * 86400.0)"


class moved(GenericFunction[datetime]):
    """A moment of a row, moved by `seconds`, which may be negative."""

    type = UtcDateTime()
    inherit_cache = True
    name = "moved"

    def __init__(self, moment: Any, seconds: float) -> None:
        super().__init__(moment, literal(float(seconds), Float()))


@compiles(moved, "postgresql")
def _postgresql_moved(element: moved, compiler: SQLCompiler, **kw: Any) -> str:
    moment, seconds = element.clauses
    return f"({compiler.process(moment, **kw)} + make_interval(secs => {compiler.process(seconds, **kw)}))"


@compiles(moved, "sqlite")
def _sqlite_moved(element: moved, compiler: SQLCompiler, **kw: Any) -> str:
    moment, seconds = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(strftime('%Y-%m-%d %H:%M:%f000', {moment}, ({seconds}) || ' seconds'))"


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)
