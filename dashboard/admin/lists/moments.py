"""From a moment to a row: the first id written at or after it.

Rows of the log are written in the order of time, and their creation time has no index (it would cost a write per message). Some
twenty look-ups by primary key find the place instead.
"""

from datetime import datetime

from sqlalchemy import func, select

from dashboard.admin.lists.keyset import Columns
from tasks.extensions import db


def first_id_at(columns: Columns, moment: datetime) -> int:
    """The id from which on every row was created at `moment` (aware) or later; one past the newest where none was."""
    key, created = columns.key, columns.created
    low = db.session.scalar(select(func.min(key))) or 1
    high = (db.session.scalar(select(func.max(key))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = db.session.execute(select(key, created).where(key >= middle).order_by(key).limit(1)).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return high
