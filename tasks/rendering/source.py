"""From a part's source to a checked, metered syntax tree, or to an error that shows the place."""

import re

from jinja2 import TemplateSyntaxError, nodes

from tasks.errors import InvalidTemplate
from tasks.rendering.checker import UNSTORABLE, check
from tasks.rendering.environment import HTML, TEXT, Sandbox
from tasks.rendering.limits import EMAIL_HTML, MAX_SOURCE, MAX_TAGS
from tasks.rendering.problem import Refused

QUOTED = re.compile(r"(?:got|unexpected(?: char)?|unknown tag) (['\"])(.+?)\1")  # the word at fault, in Jinja's messages
NEWLINE = re.compile(r"\r\n|\r|\n")  # as Jinja counts lines


def environment_of(part: str) -> Sandbox:
    """The HTML part escapes what it prints, the others do not."""
    return HTML if part == EMAIL_HTML else TEXT


def parse(part: str, source: str) -> nodes.Template:
    """The checked tree of a source. Raises InvalidTemplate with the part as field, line and column (from 1) in `extra`."""
    try:
        return _parsed(environment_of(part), source, MAX_SOURCE[part])
    except Refused as refused:
        raise invalid(part, source, refused) from None


def _parsed(environment: Sandbox, source: str, longest: int) -> nodes.Template:
    if len(source) > longest:
        raise Refused(1, f"it is longer than {longest} characters", "Shorten it.")
    if source.count("{{") + source.count("{%") > MAX_TAGS:
        raise Refused(1, f"it has more than {MAX_TAGS} tags", "Shorten it.")
    if UNSTORABLE.search(source):
        raise Refused(1, "it has a character that cannot be stored", "Remove NUL characters and broken Unicode.")
    try:
        tree = environment.parse(source)
    except TemplateSyntaxError as error:
        message = re.sub(r" at \d+$", "", str(error.message)).removesuffix(".")
        found = QUOTED.search(message)
        raise Refused(error.lineno, message, "Correct the syntax.", found.group(2) if found else "") from None
    except (RecursionError, MemoryError):
        raise too_deep() from None
    except ValueError:  # Python reads no number of thousands of digits
        raise Refused(1, "a number has too many digits", "Write it as text, in quotes.") from None
    check(tree)
    return tree


def too_deep() -> Refused:
    """What is said where the parser or the compiler gives up."""
    return Refused(1, "it is nested too deeply, or too long", "Take it apart.")


def invalid(part: str, source: str, refused: Refused) -> InvalidTemplate:
    """The error for the outside."""
    return InvalidTemplate(
        f"{part}, line {refused.line}: {refused.message}.", field=part, remedy=refused.remedy,
        line=refused.line, column=_column(source, refused.line, refused.word),
    )


def _column(source: str, line: int, word: str) -> int:
    """Where the word stands inside a tag of that line; 1 where it does not."""
    lines = NEWLINE.split(source)
    if not word or line > len(lines):
        return 1
    above = "\n".join([*lines[: line - 1], ""])
    bounds = r"\b" if word.isidentifier() else ""
    for found in re.finditer(f"{bounds}{re.escape(word)}{bounds}", lines[line - 1]):
        before = above + lines[line - 1][: found.start()]
        if max(before.rfind("{{"), before.rfind("{%")) > max(before.rfind("}}"), before.rfind("%}")):
            return found.start() + 1
    return 1
