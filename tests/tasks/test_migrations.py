"""Migrations: up and down on both databases, and the tables are those of the models."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from tasks.extensions import db


def _differences():
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, db.metadata)
    return [entry for entry in found if not _of_the_migrations_own(entry)]


def _of_the_migrations_own(entry):
    return isinstance(entry, tuple) and entry[0] == "remove_table" and entry[1].name == "alembic_version"


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping metadata-specified expression")
def test_the_newest_migration_makes_the_tables_of_the_models(any_app):
    assert _differences() == []


def test_down_leaves_nothing_and_up_again_makes_all(any_app):
    names = set(inspect(db.engine).get_table_names())
    downgrade(revision="base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    upgrade()
    assert set(inspect(db.engine).get_table_names()) == names
    assert len(any_app.extensions["carillon.public_id_key"]()) == 32
