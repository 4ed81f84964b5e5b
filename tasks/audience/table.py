"""A CSV file of people as it comes: its encoding, its delimiter, its header, and what kind of values its columns hold."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

from tasks.errors import InvalidImport

Kind = Literal["text", "number", "boolean"]
KNOWN = ("id", "name", "email", "phone", "locale", "timezone", "country", "token")
REFUSED = ("attributes", "channel", "data", "tokens")  # words of the API that a column cannot be
DELIMITERS = ",;\t"
LONGEST_ROW = 1_000_000  # characters: a whole file on one line would be millions of cells in memory at once
# Numbers as a person writes them. With leading zeros or many digits they are codes and telephone numbers: those stay text.
NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?", re.ASCII)
BOOLEAN = re.compile(r"true|false", re.IGNORECASE)
PATTERNS: dict[Kind, re.Pattern[str]] = {"number": NUMBER, "boolean": BOOLEAN}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: one of KNOWN, or an attribute whose values are of a `kind` (None: not said). A nameless one must be empty.

    What stands in an `ignored` one says nothing.
    """

    name: str
    kind: Kind | None = None
    ignored: bool = False

    @property
    def is_attribute(self) -> bool:
        """True where it goes into the person's attributes."""
        return bool(self.name) and self.name not in KNOWN and not self.ignored


@dataclass(frozen=True, slots=True)
class Table:
    """How to read a file, its columns, and how many rows it has."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[Column, ...]
    total: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not empty, each with the number of the line it begins on. Raises InvalidImport."""
        return islice(cells_of(self.path, self.encoding, self.delimiter), 1, None)


def read_table(path: Path) -> Table:
    """Read the whole file once, keeping none of it. Raises InvalidImport where it is no table with an id column.

    The header may say an attribute's kind after a colon, like `zip:text` or `orders:number`. Where it does not, the column holds
    numbers, or booleans, if every value in it is one.
    """
    encoding = find_encoding(path)
    delimiter = find_delimiter(path, encoding)
    rows = cells_of(path, encoding, delimiter)
    _line, header = next(rows, (1, []))
    columns = [_column(name) for name in header]
    check_columns(columns)
    kinds, total = guess_kinds(columns, (cells for _line, cells in rows))
    found = tuple(Column(column.name, kind) for column, kind in zip(columns, kinds, strict=True))
    return Table(path, encoding, delimiter, found, total)


def find_encoding(path: Path) -> str:
    """UTF-16 where its mark says so, else UTF-8, with or without a mark. Raises InvalidImport where there is no file."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InvalidImport(f"{path} cannot be read: {error.strerror}.", field="file", remedy="Check its name.") from None
    # Spreadsheets save "Unicode text" as UTF-16, with its mark in front.
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def cells_of(path: Path, encoding: str, delimiter: str, *, strict: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, the header too, each with the line it begins on. Raises InvalidImport where it cannot be read."""
    line = 1
    try:
        with path.open(encoding=encoding, newline="") as file:
            taken = [0]
            reader = csv.reader(_lines(file, taken), delimiter=delimiter, strict=strict)
            for cells in reader:
                taken[0] = 0
                if any(cell.strip() for cell in cells) and not (line == 1 and _names_delimiter(cells)):
                    yield line, cells
                line = reader.line_num + 1
    except UnicodeDecodeError:
        raise InvalidImport(f"Line {line} or one after it is not UTF-8.", field="file", remedy="Save it as CSV UTF-8.") from None
    except csv.Error as error:
        raise InvalidImport(f"Line {line} is no CSV: {error}.", field="file", remedy="Check its quotation marks.") from None


def _lines(file: TextIO, taken: list[int]) -> Iterator[str]:
    """The file's lines. `taken`: characters of the row that is being read, which a quotation mark may stretch over many lines."""
    while line := file.readline(LONGEST_ROW + 1):
        taken[0] += len(line)
        if taken[0] > LONGEST_ROW:
            raise InvalidImport(
                f"A row is longer than {LONGEST_ROW:,} characters.", field="file",
                remedy="Put each person on a line of their own, and check the quotation marks.",
            )
        yield line


def _names_delimiter(cells: list[str]) -> bool:
    """True for the line sep=; that spreadsheets write and read."""
    return cells[0].lower().startswith("sep=") and not "".join(cells[1:])


def find_delimiter(path: Path, encoding: str) -> str:
    """The delimiter that splits the header into the most columns."""
    headers = {mark: next(cells_of(path, encoding, mark, strict=False), (1, []))[1] for mark in DELIMITERS}
    return max(headers, key=lambda mark: len(headers[mark]))


def _column(header: str) -> Column:
    name, _colon, kind = header.strip().partition(":")
    if name.lower() in (*KNOWN, *REFUSED):
        return Column(name.lower())
    if not kind:
        return Column(name)
    if kind not in ("text", *PATTERNS):
        raise InvalidImport(f"There is no kind {kind!r}.", field=header, remedy="Write :text, :number or :boolean, or nothing.")
    return Column(name, kind)


def check_columns(columns: Iterable[Column]) -> None:
    """Raise InvalidImport where no column is the id, or two are the same."""
    names = [column.name for column in columns if column.name and not column.ignored]
    if "id" not in names:
        raise InvalidImport(
            "The first line names no id column.", field="id",
            remedy=f"Head the columns with {', '.join(KNOWN)}, or the names of attributes.",
        )
    for name in names:
        if names.count(name) > 1 or name in REFUSED:
            why = "twice" if names.count(name) > 1 else "and cannot be a column"
            raise InvalidImport(f"The header names {name!r} {why}.", field=name, remedy="Rename that column.")


def guess_kinds(columns: Sequence[Column], rows: Iterable[list[str]]) -> tuple[list[Kind], int]:
    """The kind of every column, and the number of rows."""
    open_kinds = {place: set(PATTERNS) for place, column in enumerate(columns) if column.is_attribute and column.kind is None}
    filled, total = set[int](), 0
    for cells in rows:
        total += 1
        for place, kinds in open_kinds.items():
            value = cells[place].strip() if place < len(cells) else ""
            if value:
                filled.add(place)
                kinds -= {kind for kind in kinds if not PATTERNS[kind].fullmatch(value)}
    guessed: dict[int, Kind] = {place: next(iter(kinds), "text") for place, kinds in open_kinds.items() if place in filled}
    found: list[Kind] = [column.kind or guessed.get(place, "text") for place, column in enumerate(columns)]
    return found, total
