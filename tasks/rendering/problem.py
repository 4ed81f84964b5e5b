"""What goes wrong inside a template, before it becomes one of the errors that the outside sees."""

from jinja2 import UndefinedError


class Refused(Exception):
    """The source is not accepted. `line` starts at 1; `word` is what to look for in it, to find the column."""

    def __init__(self, line: int, message: str, remedy: str, word: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.remedy = remedy
        self.word = word


class Unusable(Exception):
    """A value cannot be used as the template wants to: the message says why, and what to write instead."""


class Exhausted(Exception):
    """The template costs more than any message may."""


class MissingName(UndefinedError):
    """The template reads a name that is not there. `top` tells a variable from a key inside one."""

    def __init__(self, name: object, top: bool, message: str | None = None) -> None:
        super().__init__(message)
        self.name = str(name)
        self.top = top
