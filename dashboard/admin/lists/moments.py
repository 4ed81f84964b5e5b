"""From a moment to a row of a list: the first id written at or after it (tasks.moments)."""

from datetime import datetime

from dashboard.admin.lists.keyset import Columns
from tasks import moments
from tasks.extensions import db


def first_id_at(columns: Columns, moment: datetime) -> int:
    """The id from which on every row was created at `moment` (aware) or later; one past the newest where none was."""
    return moments.first_id_at(db.session.connection(), columns.key, columns.created, moment)
