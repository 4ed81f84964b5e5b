"""A template's versions beside each other: what changed, what is on its way with which, and one brought back."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from tasks import templates
from tasks.extensions import db
from tasks.models import Broadcast, Template, TemplateVersion
from tasks.models.words import CANCELLED, COMPLETED, FAILED

ENDED = (COMPLETED, CANCELLED, FAILED)
SAME, OUT, IN = "same", "out", "in"  # of a piece or a line: in both, in the first only, in the second only
MOST_PAIRS = 4_000_000  # lines times lines that are compared; above it one text is shown out, the other in
LONGEST_LINE = 2_000  # characters of a line in which single words are told apart
AROUND = 3  # unchanged lines shown before and after a change
WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison. `pieces`: (kind, text). `hidden`: it stands for that many unchanged lines."""

    kind: str
    pieces: tuple[tuple[str, str], ...] = ()
    hidden: int = 0


def find(template: Template, number: int) -> TemplateVersion | None:
    """The version of that number."""
    wanted = (TemplateVersion.template_id == template.id, TemplateVersion.number == number)
    return db.session.scalar(select(TemplateVersion).where(*wanted))


def in_flight(template: Template) -> dict[int, list[Broadcast]]:
    """The broadcasts that have not ended, by the id of the version that each was started with, and ends with."""
    query = (
        select(Broadcast).join(TemplateVersion, Broadcast.template_version_id == TemplateVersion.id)
        .where(TemplateVersion.template_id == template.id, Broadcast.state.not_in(ENDED)).order_by(Broadcast.pk.desc())
    )
    found: dict[int, list[Broadcast]] = {}
    for row in db.session.scalars(query):
        found.setdefault(row.template_version_id, []).append(row)
    return found


def restore(template: Template, version: TemplateVersion, actor: str) -> TemplateVersion:
    """A new version with an old one's texts; the one in use, where it has the same. The caller commits.

    Raises InvalidTemplate.
    """
    return templates.save_version(
        template, **templates.written(version), email_format=version.email_format, actor=actor
    )


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, list[Line]]:
    """What differs between two sets of texts, part by part, line by line, word by word; equal parts are left out."""
    return {name: _folded(list(_lines(old[name], text))) for name, text in new.items() if old[name] != text}


def _lines(old: str, new: str) -> Iterator[Line]:
    before, after = old.splitlines(), new.splitlines()
    if len(before) * len(after) > MOST_PAIRS:
        yield from _replaced(before, after, words=False)
        return
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (Line(SAME, ((SAME, line),)) for line in before[a:b])
        else:
            yield from _replaced(before[a:b], after[c:d], words=b - a == d - c)


def _replaced(before: Sequence[str], after: Sequence[str], *, words: bool) -> Iterator[Line]:
    """Lines out, then lines in; where there are as many of them, line for line with the words that differ."""
    if not words:
        yield from (Line(OUT, ((OUT, line),)) for line in before)
        yield from (Line(IN, ((IN, line),)) for line in after)
        return
    for old, new in zip(before, after, strict=True):
        yield Line(OUT, _words(old, new, OUT))
        yield Line(IN, _words(old, new, IN))


def _words(old: str, new: str, side: str) -> tuple[tuple[str, str], ...]:
    if max(len(old), len(new)) > LONGEST_LINE:
        return ((side, old if side == OUT else new),)
    before, after = WORD.findall(old), WORD.findall(new)
    pieces = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        text = "".join(before[a:b] if side == OUT else after[c:d])
        if text:
            pieces.append((SAME if kind == "equal" else side, text))
    return tuple(pieces)


def _folded(lines: list[Line]) -> list[Line]:
    """The lines with long unchanged stretches taken together."""
    near = {
        other for place, line in enumerate(lines) if line.kind != SAME
        for other in range(place - AROUND, place + AROUND + 1)
    }
    folded: list[Line] = []
    for place, line in enumerate(lines):
        if place in near:
            folded.append(line)
        elif folded and folded[-1].hidden:
            folded[-1] = Line(SAME, hidden=folded[-1].hidden + 1)
        else:
            folded.append(Line(SAME, hidden=1))
    return folded
