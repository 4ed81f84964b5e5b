"""A broadcast looked at before it is sent: the send's own checks, then what the forecast finds, and its plan kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tasks import broadcasts, timetable
from tasks.audience import source
from tasks.broadcasts import Checked
from tasks.database import reading, snapshot
from tasks.forecast import held, texts
from tasks.forecast import people as crowd
from tasks.forecast.lasting import Lasting, lasting
from tasks.forecast.people import People
from tasks.forecast.reach import Reach, Skip, reach, rung, skips
from tasks.forecast.texts import Texts
from tasks.models import Recipient
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.options import SendOptions
from tasks.plan import Plan

SAMPLE = 3  # people of a broadcast's audience who are shown


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a broadcast would do. `people` is None for the outside source: it is read when the sending starts."""

    row: dict[str, Any]
    plan: Plan
    plan_hash: str
    rings: tuple[str, ...]
    people: People | None
    reach: Reach
    skips: list[Skip]
    texts: Texts
    lasting: Lasting
    some: tuple[str, ...]  # the first people's own ids

    def rung(self, channel: str) -> int:
        """People whom a channel would ring."""
        return rung(self.reach, channel)


def forecast(audience: Any, template_slug: str, context: Mapping[str, Any], options: SendOptions) -> Prospect:
    """Look at a broadcast as it would be sent now. Raises what `tasks.send.start_broadcast` would."""
    checked = broadcasts.check(audience, template_slug, context, options)
    row, plan = checked.row, checked.plan
    timetable.refuse(row, row["created_at"])
    rings = tuple(plan.policy.channels if options.channels is None else options.channels)
    people, found = (None, {}) if source.is_source(checked.audience.definition) else _counted(checked, rings)
    waits = plan.policy.escalate if options.channels is None else {}
    read = texts.look(people, plan, row["data"], rings, found, waits) if people else Texts(0)
    for (channel, word), count in read.failed.items():
        found[channel][word] = max(0, found[channel].get(word, 0) - count)
    found = {channel: {word: count for word, count in words.items() if count} for channel, words in found.items()}
    failing = {channel: sum(n for (name, _), n in read.failed.items() if name == channel) for channel in found}
    return Prospect(
        row, plan, held.keep(checked.terms, people, options.actor), rings, people, found, skips(found, failing), read,
        lasting({channel: rung(found, channel) for channel in OUTSIDE_CHANNELS}, row), _some(people),
    )


def _counted(checked: Checked, rings: Sequence[str]) -> tuple[People, Reach]:
    """Who they are and what reaches them, both of the same moment."""
    with snapshot() as connection:
        where = checked.audience.where()
        people = crowd.look(connection, where)
        return people, reach(connection, where, checked.plan, rings, people.count)


def _some(people: People | None) -> tuple[str, ...]:
    if not people or not people.count:
        return ()
    first = next(people.ids([0]))[:SAMPLE]
    with reading() as connection:
        rows = select(Recipient.external_id).where(Recipient.id.in_(first)).order_by(Recipient.id)
        return tuple(connection.execute(rows).scalars())
