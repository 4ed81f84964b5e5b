"""Uploaded files: kept in the database in pieces, because web and worker may be different machines; and what is asked of them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import delete, insert, select, update

from tasks.database import reading, writing
from tasks.errors import InvalidImport, WrongState
from tasks.imports.columns import Sheet, checked, guess, look_into
from tasks.models import Import, ImportPart
from tasks.models.types import db_clock

LARGEST = 64 * 1024 * 1024  # bytes: about a million people
PIECE = 512 * 1024
UPLOADED, CHECKING, CHECKED, WRITING, DONE, FAILED, CANCELLED = (
    "uploaded", "checking", "checked", "writing", "done", "failed", "cancelled",
)
OPEN = (UPLOADED, CHECKING, CHECKED, WRITING)


def keep(stream: IO[bytes], name: str, actor: str, segment_id: int | None) -> int:
    """Keep a file, for the recipients or for a list. Returns its imports.id. Raises InvalidImport; then nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="carillon-") as folder:
        path = Path(folder) / "upload.csv"
        size = _copy(stream, path)
        sheet = look_into(path)
        row: dict[str, Any] = {
            "segment_id": segment_id, "file_name": _plain(name), "size": size, "encoding": sheet.encoding,
            "delimiter": sheet.delimiter, "columns": guess(sheet.header), "created_by": actor, "creates": segment_id is None,
        }
        with writing() as connection:
            pk = connection.execute(insert(Import).values(**row).returning(Import.id)).scalar_one()
            with path.open("rb") as file:
                for number, data in enumerate(iter(lambda: file.read(PIECE), b"")):
                    connection.execute(insert(ImportPart).values(import_id=pk, number=number, data=data))
    return pk


@contextmanager
def as_file(pk: int) -> Iterator[Path]:
    """The uploaded file, on disk for as long as it is used. Raises InvalidImport where it is gone."""
    with tempfile.TemporaryDirectory(prefix="carillon-") as folder:
        path = Path(folder) / "upload.csv"
        with path.open("wb") as file, reading() as connection:
            number = 0
            piece = select(ImportPart.data).where(ImportPart.import_id == pk)
            while (data := connection.execute(piece.where(ImportPart.number == number)).scalar()) is not None:
                file.write(data)
                number += 1
        if not number:
            raise InvalidImport("The file is gone.", field="file", remedy="Upload it again.")
        yield path


def beginning(row: Import) -> Sheet:
    """The header and the first rows of a kept file."""
    with as_file(row.id) as path:
        return look_into(path, row.encoding, row.delimiter)


def check(row: Import, version: int, targets: list[str], kinds: list[str], **options: Any) -> None:
    """Settle the columns and `options` (encoding, creates, replaces), and let a worker check every row.

    Raises InvalidImport; WrongState where somebody else pressed a button since `version`.
    """
    columns = checked([column[0] for column in row.columns], targets, kinds)
    _move(row.id, (UPLOADED, CHECKED), version, state=CHECKING, columns=columns, read=0, total=0, good=0, bad=0, **options)


def write(pk: int, version: int) -> None:
    """Let a worker write the rows that are good. Raises WrongState."""
    _move(pk, (CHECKED,), version, state=WRITING, read=0)


def cancel(pk: int) -> None:
    """Stop it: before it writes nothing was written, later what was stays, and no list is touched. Raises WrongState."""
    _move(pk, OPEN, None, state=CANCELLED, finished_at=db_clock(), lease_token=None)
    with writing() as connection:
        connection.execute(delete(ImportPart).where(ImportPart.import_id == pk))


def _move(pk: int, states: tuple[str, ...], version: int | None, **values: Any) -> None:
    here = [Import.id == pk, Import.state.in_(states), *([Import.version == version] if version is not None else [])]
    with writing() as connection:
        if not connection.execute(update(Import).where(*here).values(**values, version=Import.version + 1)).rowcount:
            raise WrongState("Somebody was faster, or it has ended.", remedy="Look at what the page says now.")


def _copy(stream: IO[bytes], path: Path) -> int:
    size = 0
    with path.open("wb") as file:
        while data := stream.read(PIECE):
            size += len(data)
            if size > LARGEST:
                raise InvalidImport(
                    f"The file is larger than {LARGEST >> 20} MB.", field="file",
                    remedy="Split it, or use `carillon recipients import FILE.csv`, which takes any size.",
                )
            if b"\0" in data[:4096] and not size > PIECE and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InvalidImport(
                    "This is no CSV file.", field="file", remedy="Save the spreadsheet as CSV UTF-8, and upload that file.",
                )
            file.write(data)
    if not size:
        raise InvalidImport("No file was given, or it is empty.", field="file", remedy="Choose a CSV file.")
    return size


def _plain(name: str) -> str:
    return "".join(sign for sign in name.rpartition("/")[2].rpartition("\\")[2] if sign.isprintable())[:200] or "file.csv"


def reread(pk: int, encoding: str, delimiter: str) -> None:
    """Read a kept file another way; its columns are guessed anew. Raises InvalidImport, WrongState."""
    with as_file(pk) as path:
        sheet = look_into(path, encoding, delimiter)
    columns = guess(sheet.header)
    _move(pk, (UPLOADED, CHECKED), None, state=UPLOADED, columns=columns, encoding=encoding, delimiter=delimiter)
