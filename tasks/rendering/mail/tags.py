"""Jinja's tags inside markup: where they stand, and the same markup without them, character for character."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

INSIDE = r"""(?:"[^"]*"|'[^']*'|[^"'%}]|%(?!\})|\}(?!\}))*"""
BEGINS = re.compile(r"\{[{%#]")
TAG = re.compile(rf"\{{\{{{INSIDE}\}}\}}|\{{%{INSIDE}%\}}", re.DOTALL)
VISIBLE = re.compile(r"[^\n]")
LONGEST_TAG = 8_000  # characters: where none ends, each beginning is looked behind so far and no further
DEEPEST, MOST_INSIDE = 100, 500_000  # elements inside each other; elements, each times those around it
UNENDED = 20  # beginnings of elements behind the last that ends: Python's parser reads on to the end for each
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
ENDED_BY_THE_NEXT = frozenset(["dd", "dt", "li", "option", "p", "td", "th", "tr"])


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
    """Every tag of Jinja in the source, in order. The time it takes grows with the source, and no faster."""
    tags, place, has_comments = [], 0, True
    while found := BEGINS.search(source, place):
        start, end = found.start(), 0
        if source[start + 1] != "#":
            whole = TAG.match(source, start, start + LONGEST_TAG)
            end = whole.end() if whole else 0
        elif has_comments:
            end = source.find("#}", start + 2) + 2
            has_comments = end > 1
        if end > start:
            tags.append(Tag(start, end, source[start:end]))
        place = max(end, start + 1)
    return tags


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

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Pass over what is none: Python's parser stops at a word that it does not know, where programs that read mail do not."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i, False)

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def is_tame(markup: str) -> bool:
    """False for what costs Python's parser the square of its length: it may only be read where this is true."""
    return markup.count("<", markup.rfind(">") + 1) <= UNENDED


def is_too_deep(markup: Markup) -> bool:
    """True where so many elements are inside each other that a compiler in another language would overflow its stack."""
    events = sorted([*((one.start, one.name, True) for one in markup.elements if one.start not in markup.closed),
                     *((place, name, False) for name, place in markup.ends)])
    around: list[str] = []
    inside = 0
    for _place, name, begins in events:
        if not begins:
            if name in around:
                del around[len(around) - 1 - around[::-1].index(name):]
        elif name not in VOID:
            if name in ENDED_BY_THE_NEXT and around[-1:] == [name]:
                around.pop()
            around.append(name)
        inside += len(around)
        if len(around) > DEEPEST or inside > MOST_INSIDE:
            return True
    return False


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
