"""Imports: a file of people on its way into the recipients or a static list, and what was wrong with its rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks.extensions import Model
from tasks.models.segment import Segment
from tasks.models.types import Json, UtcDateTime, utcnow

AT_WORK = text("state in ('checking', 'writing')")


class Import(Model):
    """One uploaded file. First every row is checked and nothing written; then somebody says go, and the good rows are."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_at_work", "state", postgresql_where=AT_WORK, sqlite_where=AT_WORK),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segments.id", ondelete="CASCADE"), index=True)  # none: people
    file_name: Mapped[str] = mapped_column(Text)
    size: Mapped[int]  # bytes
    encoding: Mapped[str] = mapped_column(Text)
    delimiter: Mapped[str] = mapped_column(Text)
    columns: Mapped[list[Any]] = mapped_column(Json)  # [header, target, kind] of each; tasks.imports.columns
    creates: Mapped[bool] = mapped_column(default=True)  # False: an id that nobody has is a bad row
    replaces: Mapped[bool] = mapped_column(default=False)  # of a list: who is not in the file leaves it
    state: Mapped[str] = mapped_column(Text, default="uploaded")
    detail: Mapped[str] = mapped_column(Text, default="")  # why it failed, in words
    version: Mapped[int] = mapped_column(default=1)  # compare-and-set: of two who press one acts
    total: Mapped[int] = mapped_column(default=0)  # rows of the file; 0 until they are counted
    read: Mapped[int] = mapped_column(default=0)  # rows the present pass is through
    good: Mapped[int] = mapped_column(default=0)
    bad: Mapped[int] = mapped_column(default=0)
    saved: Mapped[int] = mapped_column(default=0)  # people written
    joined: Mapped[int] = mapped_column(default=0)  # of a list: who came onto it ...
    left: Mapped[int] = mapped_column(default=0)  # ... and who left it
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    segment: Mapped[Segment | None] = relationship()

    def __str__(self) -> str:
        return self.file_name


class ImportPart(Model):
    """A piece of an uploaded file: in the database, because the worker may live on another machine. Gone when it is done."""

    __tablename__ = "import_parts"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImportFault(Model):
    """What is wrong with a row of a file."""

    __tablename__ = "import_faults"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # the one it begins on
    column: Mapped[str] = mapped_column(Text)  # as headed; empty: the row as a whole
    detail: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)


class ImportMember(Model):
    """A person of a file that is meant for a list; they all come onto it in one transaction at the end."""

    __tablename__ = "import_members"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True)
