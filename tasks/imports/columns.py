"""What the columns of a file stand for: guessed from their headers, and chosen by the operator."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.audience.plain import storable
from tasks.audience.table import (
    KNOWN,
    PATTERNS,
    REFUSED,
    Column,
    Table,
    cells_of,
    check_columns,
    find_delimiter,
    find_encoding,
    guess_kinds,
)
from tasks.errors import InvalidImport

IGNORE, ATTRIBUTE = "ignore", "attribute"
TARGETS = (*KNOWN, ATTRIBUTE, IGNORE)
KINDS = ("auto", "text", *PATTERNS)
WINDOWS = "cp1252"  # what a spreadsheet's plain "CSV" is in, in much of the world
PREVIEW = 5  # rows shown
MOST_COLUMNS, LONGEST_HEADER = 200, 200
PIECE = 1 << 20  # bytes
SPACE = re.compile(r"[\W_]+")
# Headers as people write them, without blanks and signs.
WORDS = {
    "id": ("userid", "customerid", "externalid", "recipientid", "memberid", "clientid", "uid", "customer", "user"),
    "name": ("fullname", "displayname", "customername", "username", "recipient"),
    "email": ("mail", "emailaddress", "mailaddress", "emailid"),
    "phone": ("mobile", "mobilenumber", "phonenumber", "tel", "telephone", "cell", "cellphone", "msisdn", "contactnumber"),
    "locale": ("language", "lang"), "timezone": ("tz", "timezonename", "zone"), "country": ("countrycode", "nation"),
    "token": ("devicetoken", "pushtoken", "fcmtoken"),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """The beginning of a file: how it is read, its header, and its first rows."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def look_into(path: Path, encoding: str = "", delimiter: str = "") -> Sheet:
    """Read the beginning of a file. Raises InvalidImport where it has no header, or too many columns."""
    encoding = encoding or _encoding(path)
    delimiter = delimiter or find_delimiter(path, encoding)
    found = [tuple(cells) for _line, cells in islice(cells_of(path, encoding, delimiter), PREVIEW + 1)]
    if len(found) < 2:
        raise InvalidImport(
            "The file has a header and no rows, or nothing at all.", field="file",
            remedy="Give one line that names the columns, and a line for each person.",
        )
    if len(found[0]) > MOST_COLUMNS:
        raise InvalidImport(f"{len(found[0])} columns are too many.", field="file", remedy=f"Keep at most {MOST_COLUMNS}.")
    return Sheet(encoding, delimiter, tuple(cell.strip()[:LONGEST_HEADER] for cell in found[0]), tuple(found[1:]))


def guess(header: Sequence[str]) -> list[list[str]]:
    """What each column seems to stand for: [header, target, kind]. Nothing stands for the same twice."""
    taken: set[str] = set()
    found = []
    for text in header:
        name, _colon, kind = text.partition(":")
        target = _target(name)
        if target in taken:
            target = ATTRIBUTE
        taken |= {target} & {*KNOWN}
        found.append([text, target, kind if kind in KINDS else "auto"])
    if "id" not in taken:  # an e-mail address is what people have as an id where there is none
        for column in found:
            if column[1] == "email":
                column[1] = "id"
                break
    return found


def checked(header: Sequence[str], targets: Sequence[str], kinds: Sequence[str]) -> list[list[str]]:
    """The columns as chosen. Raises InvalidImport whose field is "column-<number>" of the one that is wrong, or "id"."""
    if len(targets) != len(header) or len(kinds) != len(header):
        raise InvalidImport("The columns do not fit the file.", field="id", remedy="Open the page again.")
    for number, (target, kind) in enumerate(zip(targets, kinds, strict=True)):
        if target not in TARGETS or kind not in KINDS:
            raise InvalidImport("There is no such choice.", field=f"column-{number}", remedy="Choose one of the list.")
        if target in KNOWN and list(targets).index(target) != number:
            raise InvalidImport(f"Two columns are the {target}.", field=f"column-{number}", remedy="Choose another one here.")
        if target == ATTRIBUTE and (_attribute(header[number]) in ("", *KNOWN, *REFUSED) or not storable(header[number])):
            raise InvalidImport(
                f"{header[number]!r} cannot name an attribute.", field=f"column-{number}",
                remedy="Leave the column out, or rename it in the file.",
            )
    if "id" not in targets:
        raise InvalidImport("No column is the id.", field="id", remedy="Choose the one that your programs know people by.")
    return [[text, target, kind] for text, target, kind in zip(header, targets, kinds, strict=True)]


def table(path: Path, encoding: str, delimiter: str, chosen: Sequence[Sequence[str]]) -> Table:
    """The file as a table of people by the chosen columns. Reads it once: rows are counted, kinds left open are found."""
    columns = [_column(*column) for column in chosen]
    check_columns(columns)
    rows = islice(cells_of(path, encoding, delimiter), 1, None)
    kinds, total = guess_kinds(columns, (cells for _line, cells in rows))
    found = tuple(Column(one.name, kind, one.ignored) for one, kind in zip(columns, kinds, strict=True))
    return Table(path, encoding, delimiter, found, total)


def _column(header: str, target: str, kind: str) -> Column:
    if target == IGNORE:
        return Column(header, "text", ignored=True)
    if target != ATTRIBUTE:
        return Column(target)
    wanted: Any = None if kind == "auto" else kind
    return Column(_attribute(header), wanted)


def _attribute(header: str) -> str:
    return header.partition(":")[0].strip()


def _target(name: str) -> str:
    bare = SPACE.sub("", name.lower())
    if not bare:
        return IGNORE
    if bare in KNOWN:
        return bare
    return next((target for target, words in WORDS.items() if bare in words), IGNORE if bare in REFUSED else ATTRIBUTE)


def _encoding(path: Path) -> str:
    """As `find_encoding`, but a file that is not UTF-8 is taken for a Windows spreadsheet's."""
    encoding = find_encoding(path)
    if encoding == "utf-16":
        return encoding
    try:
        with path.open(encoding=encoding) as file:
            while file.read(PIECE):
                pass
    except UnicodeDecodeError:
        return WINDOWS
    return encoding
