"""The texts of a broadcast before it goes out: for whom they fail, and what the SMS among them cost.

Where the text is one for all it is measured once. Where it is each person's own, everybody's is rendered, up to `MOST` people:
of a larger audience, or where `LONGEST` seconds do not suffice, as many lists as can be done, drawn evenly. Who reads the figures
is told how many were looked at.
"""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks import compose
from tasks.audience import frozen, recipients
from tasks.audience.recipients import Person
from tasks.database import reading
from tasks.errors import CarillonError
from tasks.forecast.people import People
from tasks.forecast.reach import Reach, rung
from tasks.models import Recipient
from tasks.models.words import IN_APP, OUTSIDE_CHANNELS, QUEUED, SENT, SMS
from tasks.plan import Plan
from tasks.render import Rendered, snapshot
from tasks.rendering.sms import measure
from tasks.route import decide, gone

MOST = 20_000  # people whose own texts are rendered
LONGEST = 8.0  # seconds of it
EXAMPLES = 3

Size = tuple[str, int]  # encoding, segments
Word = tuple[str, str]  # channel, what would have become of it: queued, sent, or a reason


@dataclass(slots=True)
class Texts:
    """What was found. `looked_at` of `audience` people: fewer where it is a sample. `failed` counts (channel, what it would have
    been), `sms` messages by size."""

    audience: int
    looked_at: int = 0
    failed: Counter[Word] = field(default_factory=Counter)
    sms: Counter[Size] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)  # whose text fails: their id, and why

    @property
    def is_sample(self) -> bool:
        """True where the figures are reckoned from some of the people."""
        return self.looked_at < self.audience

    @property
    def segments(self) -> int:
        """SMS segments in all."""
        return sum(count * segments for (_, segments), count in self.sms.items())

    def scaled(self) -> "Texts":
        """The same for the whole audience, where only some of it was looked at."""
        if not self.is_sample or not self.looked_at:
            return self
        share = self.audience / self.looked_at
        failed = Counter({word: round(count * share) for word, count in self.failed.items()})
        sms = Counter({size: round(count * share) for size, count in self.sms.items()})
        return Texts(self.audience, self.looked_at, failed, sms, self.examples)


def look(
    people: People, plan: Plan, data: Mapping[str, Any], rings: Sequence[str], found: Reach, waits: Mapping[str, int]
) -> Texts:
    """Render what would be sent to `people`, whose reach is `found`. No database connection is held meanwhile."""
    if not _differ(plan, rings):
        texts = Texts(people.count, people.count)
        if rung(found, SMS):
            size = measure(plan.version.render(data, {}, compose.PARTS[SMS]).sms_text)
            texts.sms[size.encoding, size.segments] = rung(found, SMS)
        return texts
    texts, ends = Texts(people.count), time.monotonic() + LONGEST
    for ids in people.ids(_drawn(len(people.lists))):
        if texts.looked_at and time.monotonic() > ends:
            break
        _add(texts, ids, plan, data, rings, waits)
    return texts.scaled()


def _differ(plan: Plan, rings: Sequence[str]) -> bool:
    """True where the people's texts are not one and the same: then `tasks.expand` reads each person too."""
    return plan.version.personal(compose.parts_of(())) or bool(rings and plan.version.is_personal)


def _drawn(lists: int) -> list[int]:
    """The numbers of the lists to look at, in an order in which the first ones are a fair sample: the same every time."""
    return random.Random(lists).sample(range(lists), min(lists, MOST // frozen.SIZE))


def _add(
    texts: Texts, ids: list[int], plan: Plan, data: Mapping[str, Any], rings: Sequence[str], waits: Mapping[str, int]
) -> None:
    with reading() as connection:
        found = recipients.chosen(connection, Recipient.id.in_(ids), {}, plan.notification_type)
    there = [person for person in found if not gone(person)]
    texts.looked_at += len(ids)
    decisions = {
        person.pk: {one.channel: one.reason or QUEUED for one in decide(
            rings, person, mandatory=plan.policy.mandatory, escalate=waits,
        )}
        for person in there
    }
    written = _written(texts, there, plan, data, decisions)
    for channel in (name for name in OUTSIDE_CHANNELS if name in rings and plan.version.personal(compose.PARTS[name])):
        rung_people = [person for person in written if decisions[person.pk][channel] == QUEUED]
        for person, text in zip(rung_people, _render(plan, data, rung_people, compose.PARTS[channel]), strict=True):
            if isinstance(text, CarillonError):
                texts.failed[channel, QUEUED] += 1
                _example(texts, person, text)
            elif channel == SMS:
                size = measure(text.sms_text)
                texts.sms[size.encoding, size.segments] += 1
    if SMS in rings and not plan.version.personal(compose.PARTS[SMS]):
        size = measure(plan.version.render(data, {}, compose.PARTS[SMS]).sms_text)
        texts.sms[size.encoding, size.segments] += sum(decisions[person.pk][SMS] == QUEUED for person in written)


def _written(
    texts: Texts, people: list[Person], plan: Plan, data: Mapping[str, Any], decisions: Mapping[int, Mapping[str, str]]
) -> list[Person]:
    """The people who have a title and a message; of the others every channel fails."""
    written = []
    for person, text in zip(people, _render(plan, data, people, compose.parts_of(())), strict=True):
        if not isinstance(text, CarillonError):
            written.append(person)
            continue
        texts.failed.update([(IN_APP, SENT), *decisions[person.pk].items()])
        _example(texts, person, text)
    return written


def _render(plan: Plan, data: Mapping[str, Any], people: list[Person], parts: Sequence[str]) -> list[Rendered | CarillonError]:
    known: list[Mapping[str, Any] | CarillonError] = [_read(plan, person) for person in people]
    fields = [{} if isinstance(one, CarillonError) else one for one in known]
    texts = plan.version.render_many(data, fields, parts, are_read=True)
    return [one if isinstance(one, CarillonError) else text for one, text in zip(known, texts, strict=True)]


def _read(plan: Plan, person: Person) -> Mapping[str, Any] | CarillonError:
    try:
        return snapshot(plan.version, person.fields()) or {}
    except CarillonError as error:
        return error


def _example(texts: Texts, person: Person, error: CarillonError) -> None:
    if len(texts.examples) < EXAMPLES:
        texts.examples.append((person.external_id, error.detail))
