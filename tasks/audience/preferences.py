"""What a person does not want: types of notifications, each on one channel or ("*") on all."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete

from tasks.database import upsert
from tasks.models import OptOut
from tasks.models.types import utcnow

EVERY = "*"
Wish = tuple[str, str]  # a type, and a channel or EVERY


def change(
    connection: Connection, recipient_pk: int, *, out: Iterable[Wish] = (), back: Iterable[Wish] = ()
) -> list[tuple[Wish, bool]]:
    """Opt a person `out` of these and `back` into those, in the caller's transaction.

    Returns what that changed, each with whether it is an opting out: what was so before is not among it.
    """
    changed = []
    for kind, channel in out:
        row = {"recipient_id": recipient_pk, "notification_type": kind, "channel": channel, "created_at": utcnow()}
        insert = upsert(OptOut, connection.dialect.name).values(**row).on_conflict_do_nothing()
        if connection.execute(insert.returning(OptOut.channel)).first() is not None:
            changed.append(((kind, channel), True))
    for kind, channel in back:
        rows = delete(OptOut).where(
            OptOut.recipient_id == recipient_pk, OptOut.notification_type == kind, OptOut.channel == channel
        )
        if connection.execute(rows).rowcount:
            changed.append(((kind, channel), False))
    return changed
