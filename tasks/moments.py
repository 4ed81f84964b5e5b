"""From a moment to a row: the first id written at or after it.

Rows of the log are written in the order of time, and their creation time has no index (it would cost a write per message). Some
twenty look-ups by primary key find the place instead.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select


def first_id_at(connection: Connection, key: Any, created: Any, moment: datetime) -> int:
    """The id (column `key`) from which on every row was written (column `created`) at `moment` (aware) or later; one past the
    newest where none was."""
    low = connection.scalar(select(func.min(key))) or 1
    high = (connection.scalar(select(func.max(key))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(select(key, created).where(key >= middle).order_by(key).limit(1)).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return high
