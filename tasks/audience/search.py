"""Finding a person as an operator types: by id, address or name, by index, however many there are."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from tasks.audience.plain import storable
from tasks.extensions import db
from tasks.models import Recipient

MOST = 10
SHORTEST = 3  # letters from which the middle of names is searched
RECENT = 50_000  # people, those known last, among whom it is: no index helps there
HIGHEST = "\U0010ffff"  # sorts behind every text that goes on


def search(text: str, limit: int = MOST) -> list[Recipient]:
    """People whom `text` may mean, the surest first: their id, e-mail or phone exactly, then names that begin so.

    Where that finds nobody, names and ids that hold it somewhere, among the RECENT last. Empty for an empty text.
    """
    words = text.strip()[:200]
    if not words or not storable(words):
        return []
    found: dict[int, Recipient] = {}
    for where, is_costly in _ways(words):
        if len(found) < (1 if is_costly else limit):
            query = select(Recipient).where(where, Recipient.deleted_at.is_(None)).limit(limit)
            found.update((person.id, person) for person in db.session.scalars(query) if person.id not in found)
    return list(found.values())[:limit]


def begins_with(words: str) -> ColumnElement[bool]:
    """The condition that a name begins with these letters, in whatever case: an index serves it."""
    return _begins(func.lower(Recipient.name), _lower(words))


def _ways(words: str) -> Iterator[tuple[ColumnElement[bool], bool]]:
    """Conditions, and whether no index serves them."""
    yield Recipient.external_id == words, False
    yield or_(Recipient.email == words.lower(), Recipient.phone == words), False
    yield begins_with(words), False
    if len(words) >= SHORTEST:
        newest = select(func.max(Recipient.id)).scalar_subquery()
        somewhere = or_(Recipient.name.icontains(words, autoescape=True), Recipient.external_id.contains(words, autoescape=True))
        yield and_(Recipient.id > func.coalesce(newest, 0) - RECENT, somewhere), True


def _begins(column: ColumnElement[Any], start: str) -> ColumnElement[bool]:
    """As a range, which an index serves; in PostgreSQL by the bytes, whatever the database's own order of letters is."""
    if db.engine.dialect.name == "postgresql":
        return and_(column.op("~>=~")(start), column.op("~<~")(start + HIGHEST))
    return and_(column >= start, column < start + HIGHEST)


def _lower(text: str) -> str:
    """As the database's lower() does: SQLite's knows ASCII only."""
    if db.engine.dialect.name == "postgresql":
        return text.lower()
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
