"""Broadcasts written for many, beside the bare statements: one text, texts of everybody's own, with a channel besides."""

import time
from collections.abc import Iterator

from sqlalchemy import func, select, update

from dashboard.bench import bare
from dashboard.bench.ground import MAIL, OFFER, PERSONAL, SAME
from dashboard.bench.measure import Line, Turns, rate, turns
from tasks import broadcasts, expand
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.models import Broadcast, Notification
from tasks.models.types import db_clock
from tasks.models.words import COMPLETED
from tasks.options import SendOptions

LIMITS = {"sqlite": 1.5, "postgresql": 1.3}  # times the bare statement's time, in-app with one text
PERSONAL_LIMIT = 1.5


def ours(slug: str) -> float:
    """Seconds from the call to the last row of a broadcast to everybody, the freeze of the audience included."""
    started = time.perf_counter()
    pk = broadcasts.create("all", slug, {"amount": 1}, SendOptions())
    expand.expand(pk, lambda: False, lambda channels: None)
    taken = time.perf_counter() - started
    _check(pk)
    return taken


def one_text(people: int, rounds: int) -> Line:
    """In-app with one text for all."""
    reference = _another(SAME)
    found = turns(lambda: ours(SAME), lambda: bare.same(people, next(reference)), rounds)
    limit = LIMITS[db.engine.dialect.name]
    return _line(f"in-app broadcast to {people:,}, one text", people, found, limit, "people")


def with_mail(people: int, rounds: int) -> Line:
    """One text for all, in-app and queued for e-mail: two rows a person."""
    reference = _another(OFFER)
    found = turns(lambda: ours(OFFER), lambda: bare.same(people, next(reference), mail=True), rounds)
    return _line(f"broadcast to {people:,}, in-app and e-mail, one text", people, found, LIMITS[db.engine.dialect.name], "people")


def own_mail(people: int, rounds: int) -> Line:
    """A text of everybody's own, in-app and queued for e-mail. The reference has no texts of people's own."""
    reference = _another(OFFER)
    found = turns(lambda: ours(MAIL), lambda: bare.same(people, next(reference), mail=True), rounds)
    return _line(f"broadcast to {people:,}, in-app and e-mail, personal text", people, found, None, "people")


def own_text(people: int, rounds: int) -> Line:
    """In-app with a text of everybody's own."""
    reference = _another(PERSONAL)
    found = turns(lambda: ours(PERSONAL), lambda: bare.personal(people, next(reference)), rounds)
    return _line(f"in-app broadcast to {people:,}, personal text", people, found, PERSONAL_LIMIT, "people")


def _another(slug: str) -> Iterator[int]:
    """Broadcasts for the reference's rows to belong to, which nobody will expand."""
    while True:
        pk = broadcasts.create("all", slug, {"amount": 1}, SendOptions())
        with writing() as connection:
            connection.execute(update(Broadcast).where(Broadcast.pk == pk).values(state=COMPLETED, finished_at=db_clock()))
        yield pk


def _check(pk: int) -> None:
    """A figure for rows that are not there would be none."""
    with reading() as connection:
        audience = connection.scalar(select(Broadcast.audience_count).where(Broadcast.pk == pk))
        written = connection.scalar(select(func.count()).select_from(Notification).where(Notification.broadcast_id == pk))
    if not audience or audience != written:
        raise RuntimeError(f"{written} of {audience} people were written")


def _line(name: str, people: int, found: Turns, limit: float | None, unit: str) -> Line:
    return Line(
        name, f"{rate(people, found.ours)} {unit}", f"{rate(people, found.bare)} bare", found.ratio,
        f"<= {limit} x" if limit else "", found.ratio <= limit if limit else None,
    )
