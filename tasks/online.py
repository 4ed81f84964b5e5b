"""Who of many people has a live inbox open now, by the caller's own ids."""

from collections.abc import Collection

from sqlalchemy import select

from tasks import presence
from tasks.database import reading
from tasks.models import Recipient


def online(external_ids: Collection[str]) -> list[str]:
    """Those of these people (at most 1,000) who have a live connection to any process, in the order given, each once.

    Ids that nobody has are nobody online.
    """
    query = select(Recipient.external_id, Recipient.id).where(Recipient.external_id.in_(external_ids))
    with reading() as connection:
        people = {row.external_id: row.id for row in connection.execute(query)}
    here = presence.online(people.values())
    return [one for one in dict.fromkeys(external_ids) if people.get(one) in here]
