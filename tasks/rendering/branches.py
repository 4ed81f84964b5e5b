"""The conditions of a template: what they say, which side a person takes, and how the other side would read.

Only for looking at a template. What is sent is compiled without any of this.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from tasks.rendering.limits import PARTS
from tasks.rendering.names import RECIPIENT
from tasks.rendering.source import environment_of, parse
from tasks.rendering.version import CompiledVersion

MOST = 24  # conditions of a template that are looked at
LONGEST = 120  # characters of a condition's words
Taken = dict[tuple[str, int], set[int]]  # (part, condition's number within it): the sides that were taken


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a part, the `number`th of it. `sides` are its words, one for each way it can go; the last is the else.

    `is_personal`: it reads the recipient, so that people of one audience may take different sides.
    """

    part: str
    number: int
    line: int
    sides: tuple[str, ...]
    is_personal: bool


def conditions(sources: Mapping[str, str]) -> list[Condition]:
    """The conditions of all parts in reading order, MOST at most. Raises InvalidTemplate."""
    found = [one for part in PARTS if "if" in (sources.get(part) or "") for one in _of_part(part, sources[part])]
    return found[:MOST]


def forced(sources: Mapping[str, str], condition: Condition, side: int) -> CompiledVersion:
    """The template as it would be if this condition always took this side. Raises InvalidTemplate."""

    def change(part: str, tree: nodes.Template) -> None:
        if part == condition.part:
            _spread(tree)
            for number, way in enumerate(_ways(_places(tree)[condition.number])):
                way.test = nodes.Const(number == side, lineno=way.lineno)

    return CompiledVersion(sources, change)


class Watched:
    """A template that says which sides it takes: a mark that no data can guess stands at the beginning of each."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """`sources`: the parts. Raises InvalidTemplate."""
        self._token = secrets.token_hex(6)
        self._marks = re.compile(rf"<{self._token}:(\d+):(\d+)>")
        self.parts = tuple(dict.fromkeys(one.part for one in conditions(sources)))
        self.version = CompiledVersion(sources, self._mark)

    def taken(self, part: str, text: str) -> Taken:
        """Which sides this rendered text has taken; a condition that was not come to is missing."""
        found: Taken = {}
        for number, side in self._marks.findall(text):
            found.setdefault((part, int(number)), set()).add(int(side))
        return found

    def clean(self, text: str) -> str:
        """The text without the marks."""
        return self._marks.sub("", text)

    def _mark(self, part: str, tree: nodes.Template) -> None:
        _spread(tree)
        for number, place in enumerate(_places(tree)):
            bodies = [way.body for way in _ways(place)] + [place.else_]
            for side, body in enumerate(bodies):
                mark = nodes.TemplateData(f"<{self._token}:{number}:{side}>", lineno=place.lineno)
                body.insert(0, nodes.Output([mark], lineno=place.lineno))


class _Spread(NodeTransformer):
    """Writes `{{ a if b else c }}` as {% if %}, so that there is one kind of condition."""

    def __init__(self) -> None:
        self.tags = 0  # {{ }} seen so far
        self.inline: set[int] = set()  # those that were conditions

    def visit_Output(self, node: nodes.Output) -> list[nodes.Node]:
        made: list[nodes.Node] = []
        for child in node.nodes:
            if isinstance(child, nodes.CondExpr):
                self.inline.add(self.tags)
                sides = [[nodes.Output([way], lineno=child.lineno)] if way else [] for way in (child.expr1, child.expr2)]
                made.append(nodes.If(child.test, sides[0], [], sides[1], lineno=child.lineno))
            else:
                made.append(nodes.Output([child], lineno=node.lineno))
            self.tags += not isinstance(child, nodes.TemplateData)
        return made


def _spread(tree: nodes.Template) -> set[int]:
    """Change the tree in place. Returns which of its {{ }}, in reading order, were conditions."""
    spread = _Spread()
    spread.visit(tree)
    return spread.inline


def _places(tree: nodes.Template) -> list[nodes.If]:
    """Every if, in reading order, without the elif that belong to one."""
    belonging = {id(one) for place in tree.find_all(nodes.If) for one in place.elif_}
    return [place for place in _in_order(tree) if id(place) not in belonging]


def _in_order(node: nodes.Node) -> Iterator[nodes.If]:
    # Jinja's own find_all goes by the order of fields as well; a parent comes before what is in it.
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.If):
            yield child
        yield from _in_order(child)


def _ways(place: nodes.If) -> list[nodes.If]:
    return [place, *place.elif_]


def _of_part(part: str, source: str) -> Iterator[Condition]:
    tree = parse(part, source)
    words = list(_words(part, source, _spread(tree)))
    for number, (place, sides) in enumerate(zip(_places(tree), words, strict=True)):
        tests = [way.test for way in _ways(place)]
        yield Condition(part, number, place.lineno, (*sides, "else"), any(_reads_recipient(test) for test in tests))


def _reads_recipient(test: nodes.Node) -> bool:
    names = [test, *test.find_all(nodes.Name)]
    return any(isinstance(one, nodes.Name) and one.name == RECIPIENT for one in names)


def _words(part: str, source: str, inline: set[int]) -> Iterator[list[str]]:
    """The words of each condition's tests, in reading order: what stands in its tags."""
    found: list[list[str]] = []
    open_: list[list[str]] = []  # the blocks around
    seen = 0
    for kind, tag in _tags(part, source):
        word = tag.split(None, 1)[0] if tag else ""
        if kind == "variable":
            if seen in inline:
                found.append([_short(tag)])
            seen += 1
        elif word == "if":
            found.append([_short(tag)])
            open_.append(found[-1])
        elif word == "for":
            open_.append([])
        elif word == "elif":
            open_[-1].append(_short(tag))
        elif word in ("endif", "endfor"):
            open_.pop()
    return iter(found)


def _tags(part: str, source: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of every tag, "variable" or "block", without its braces."""
    kind, text = "", ""
    for _, token, value in environment_of(part).lex(source):
        if token in ("variable_begin", "block_begin"):
            kind, text = token.removesuffix("_begin"), ""
        elif token in ("variable_end", "block_end"):
            yield kind, text.strip()
        else:
            text += value


def _short(words: str) -> str:
    text = " ".join(words.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
