"""Uploaded files that are not imported yet: whoever is erased must not come back with one of them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from sqlalchemy import Connection, delete, exists, select, update

from tasks.database import reading
from tasks.models import Import, ImportMember, ImportPart
from tasks.models.types import db_clock

ENCODINGS = ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
ENDED = {"state": "failed", "detail": "Somebody in this file was erased meanwhile. Upload a newer one.", "lease_token": None}


def naming(words: Collection[str]) -> list[int]:
    """The files (imports.id) that are kept, in pieces, and hold one of these words in any encoding and case."""
    needles = {needle for word in words for needle in _written(word)}
    with reading() as connection:
        kept = connection.scalars(select(Import.id).where(exists().where(ImportPart.import_id == Import.id))).all()
        return [pk for pk in kept if any(needle in block for block in _blocks(connection, pk, needles) for needle in needles)]


def drop(connection: Connection, files: Sequence[int]) -> None:
    """End these imports, and forget the files. What was written stays, and no list is touched."""
    if files:
        for part in (ImportPart, ImportMember):
            connection.execute(delete(part).where(part.import_id.in_(files)))
        this = update(Import).where(Import.id.in_(files))
        connection.execute(this.values(**ENDED, finished_at=db_clock(), version=Import.version + 1))


def _written(word: str) -> Iterator[bytes]:
    for name in ENCODINGS:
        with suppress(UnicodeEncodeError):
            yield word.encode(name).lower()  # of the bytes: as the pieces are read


def _blocks(connection: Connection, pk: int, needles: Collection[bytes]) -> Iterator[bytes]:
    """The file piece by piece in small letters, each with the end of the one before: a word may lie across both."""
    longest, end, number = max(map(len, needles), default=0), b"", 0
    piece = select(ImportPart.data).where(ImportPart.import_id == pk)
    while needles and (data := connection.execute(piece.where(ImportPart.number == number)).scalar()) is not None:
        block = end + bytes(data).lower()
        yield block
        end, number = block[-longest:], number + 1
