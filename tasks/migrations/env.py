"""Alembic's environment: the current app's database, one migration at a time even where several processes start together."""

from alembic import context
from sqlalchemy import text

import tasks.models  # noqa: F401 - registers every table
from tasks.extensions import db
from tasks.models.types import UtcDateTime

LOCK = 0x63617269  # any number that nothing else locks


def render_item(kind, item, _autogen):
    """UtcDateTime is an aware DateTime to a migration: it needs no import of ours, which may change."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run() -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
            connection.commit()
        context.configure(
            connection=connection, target_metadata=db.metadata, render_as_batch=True, compare_type=True, render_item=render_item
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
            connection.commit()


run()
