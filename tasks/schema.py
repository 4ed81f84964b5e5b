"""The database's schema: which revision it is at, which one this version of Carillon needs, and getting there without noise."""

import logging
from typing import Literal

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade

from tasks.database import reading
from tasks.errors import ConfigurationError

State = Literal["empty", "behind", "current", "foreign"]


def state() -> State:
    """How the database stands to this version: without tables, behind, current, or at a revision nobody here knows."""
    with reading() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(current_app.extensions["migrate"].migrate.get_config())
    if found is None:
        return "empty"
    if found == scripts.get_current_head():
        return "current"
    return "behind" if found in {script.revision for script in scripts.walk_revisions()} else "foreign"


def migrate() -> State:
    """Bring the database to this version's schema. Returns how it stood before; a current one is left alone.

    Raises ConfigurationError where the database belongs to a newer version.
    """
    before = state()
    if before == "foreign":
        raise ConfigurationError(
            "The database has the tables of another version of Carillon, newer than this one.", field="CARILLON_DATABASE_URL",
            remedy="Install that version, or use another database.",
        )
    if before != "current":
        logging.getLogger("alembic").setLevel(logging.WARNING)
        upgrade()
    return before
