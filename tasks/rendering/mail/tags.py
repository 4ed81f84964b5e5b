"""Jinja's tags inside markup: where they stand, and the same markup without them, character for character."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

INSIDE = r"""(?:"[^"]*"|'[^']*'|[^"'%}]|%(?!\})|\}(?!\}))*"""
TAG = re.compile(rf"\{{\{{{INSIDE}\}}\}}|\{{%{INSIDE}%\}}|\{{#.*?#\}}", re.DOTALL)
VISIBLE = re.compile(r"[^\n]")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of Jinja, from `start` to before `end`. `prints`: it writes a value, and does not steer."""

    start: int
    end: int
    text: str

    @property
    def prints(self) -> bool:
        """True for `{{ ... }}`."""
        return self.text.startswith("{{")


@dataclass(slots=True)
class Element:
    """A start tag of the markup: its name, where it stands, and its text."""

    name: str
    start: int
    text: str
    attributes: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def jinja_tags(source: str) -> list[Tag]:
    """Every tag of Jinja in the source, in order."""
    return [Tag(found.start(), found.end(), found.group()) for found in TAG.finditer(source)]


def without_tags(source: str, tags: Iterable[Tag]) -> str:
    """The source with letters in the place of values and blanks in that of other tags: as long as before, line by line."""
    pieces, done = [], 0
    for tag in tags:
        pieces += [source[done : tag.start], VISIBLE.sub("x" if tag.prints else " ", tag.text)]
        done = tag.end
    return "".join([*pieces, source[done:]])


class Markup(HTMLParser):
    """The start tags, end tags and comments of a markup that has no tags of Jinja (any more)."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=False)
        self._lines = [0, *(place + 1 for place, letter in enumerate(markup) if letter == "\n")]
        self.elements: list[Element] = []
        self.ends: list[tuple[str, int]] = []
        self.comments: list[tuple[int, int]] = []
        self.closed: set[int] = set()  # starts of elements that end where they begin
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.elements.append(Element(tag, self._at(), self.get_starttag_text() or "", attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it, and that nothing is inside."""
        self.closed.add(self._at())
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Keep its place."""
        self.ends.append((tag, self._at()))

    def handle_comment(self, data: str) -> None:
        """Keep its place."""
        start = self._at()
        self.comments.append((start, start + len(data) + 7))

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


class Places:
    """Stretches of a text, to be asked whether something lies in one of them."""

    def __init__(self, stretches: Iterable[tuple[int, int]]) -> None:
        self._stretches: Sequence[tuple[int, int]] = sorted(stretches)
        self._starts = [start for start, _ in self._stretches]

    def hold(self, place: int) -> bool:
        """True where the place is in one of them."""
        before = bisect_right(self._starts, place) - 1
        return before >= 0 and place < self._stretches[before][1]


def line_and_column(source: str, place: int) -> tuple[int, int]:
    """Both from 1."""
    return source.count("\n", 0, place) + 1, place - source.rfind("\n", 0, place)
