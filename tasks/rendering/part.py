"""One part of a template: its source checked and compiled once, then run for many."""

import copy
import re
from collections.abc import Callable, Generator
from typing import Any

from jinja2 import Template, nodes
from jinja2.meta import find_undeclared_variables

from tasks.errors import CarillonError, MissingVariable, RenderFailed
from tasks.rendering.budget import Budget, RunContext
from tasks.rendering.limits import MAX_OUTPUT, ONE_LINE
from tasks.rendering.names import RECIPIENT, names, paths, recipient_paths
from tasks.rendering.problem import Exhausted, MissingName, Unusable
from tasks.rendering.rewrite import rewrite
from tasks.rendering.source import environment_of, invalid, parse, too_deep

BREAKS = re.compile(r" *[\x00-\x1f\x7f-\x9f\u2028\u2029][ \x00-\x1f\x7f-\x9f\u2028\u2029]*")
Change = Callable[[str, nodes.Template], None]  # (part, its checked tree): changed in place before it is compiled
MARGIN = 1_000  # characters of white space that a one-line part may lose again


class Part:
    """A compiled part. Threads share it: what changes while it runs is in the context."""

    def __init__(self, name: str, source: str, change: Change | None = None) -> None:
        """Check and compile. Raises InvalidTemplate with the part as field, line and column in `extra`.

        `change` is for what only looks at a template (tasks.rendering.branches), never for what is sent.
        """
        self.name = name
        tree = parse(name, source)
        self.recipient_paths = recipient_paths(tree)
        self.names = names(tree)
        self._paths = sorted(paths(tree))
        self._environment = environment_of(name)
        try:
            if change:
                change(name, tree)
            rewrite(tree)
            self.variables = frozenset(find_undeclared_variables(tree)) - {RECIPIENT}
            code = self._environment.compile(tree, name, f"<{name}>")
        except (RecursionError, MemoryError, SyntaxError):  # Python's own compiler has limits as well
            raise invalid(name, source, too_deep()) from None
        self._template = Template.from_code(self._environment, code, {})
        self._run: Callable[[RunContext], Generator[str, None, None]] = self._template.root_render_func  # type: ignore[assignment]
        self._limit = MAX_OUTPUT[name]

    def standing_in_for(self, name: str) -> "Part":
        """This part for another one that is empty: itself, or where the other must be shorter, a copy that knows it."""
        if MAX_OUTPUT[name] == MAX_OUTPUT[self.name]:
            return self
        other = copy.copy(self)
        other.name, other._limit = name, MAX_OUTPUT[name]
        return other

    def context(self, data: dict[str, Any], budget: Budget) -> RunContext:
        """A context that holds this very mapping: the caller may change it between two runs."""
        context = RunContext(self._environment, data, self.name, {})
        context.budget = budget
        return context

    def render(self, context: RunContext) -> str:
        """The text for this context. Raises MissingVariable or RenderFailed."""
        context.budget.refill()
        try:
            return self._finished(self._bounded(self._run(context)))
        except Exception as error:  # whatever a template runs into, its caller gets one of two errors
            raise self._failed(error, context.parent) from None
        finally:
            if context.vars:  # what {% set %} left: the next person starts without it
                context.vars.clear()
                context.exported_vars.clear()

    def _bounded(self, pieces: Generator[str, None, None]) -> str:
        room = self._limit + MARGIN if self.name in ONE_LINE else self._limit
        kept = []
        for piece in pieces:
            room -= len(piece)
            if room < 0:
                pieces.throw(self._too_long())  # inside the template: so the error knows the line
            kept.append(piece)
        return "".join(kept)

    def _finished(self, text: str) -> str:
        if self.name not in ONE_LINE:
            return text
        text = (text if text.isprintable() else BREAKS.sub(" ", text)).strip()
        if len(text) > self._limit:
            raise self._too_long()
        return text

    def _too_long(self) -> Exhausted:
        return Exhausted(f"it is longer than {self._limit} characters")

    def _failed(self, error: Exception, data: dict[str, Any]) -> CarillonError:
        line = self._line_of(error)
        if isinstance(error, MissingName):
            path = self._missing_path(error, data)
            field = path if path.startswith(f"{RECIPIENT}.") else f"data.{path}"
            return MissingVariable(
                f"The variable {path!r} is missing: {self.name} needs it, line {line}.", field=field,
                remedy=f"Give {field}, or write a default in the template.", part=self.name, line=line,
            )
        speaks = isinstance(error, (Unusable, Exhausted, TypeError, ValueError, ArithmeticError))
        reason = str(error)[:300] if speaks else type(error).__name__
        return RenderFailed(
            f"{self.name} cannot be written, line {line}: {reason}.", field=self.name,
            remedy="Change the template, or the data it is given.", part=self.name, line=line,
            exhausted=isinstance(error, Exhausted),
        )

    def _line_of(self, error: Exception) -> int:
        """The template's line: that of the last step in its own code."""
        step, trace = 0, error.__traceback__
        while trace:
            if trace.tb_frame.f_code.co_filename == self._template.filename:
                step = trace.tb_lineno
            trace = trace.tb_next
        return self._template.get_corresponding_lineno(step) if step else 1

    def _missing_path(self, error: MissingName, data: dict[str, Any]) -> str:
        """The dotted path to the missing name: the template says how it got there, the data where the way ends."""
        if error.top:
            return error.name
        candidates = [path for path in self._paths if error.name in path[1:]]
        for path in candidates:
            if _end_of_way(path, data) == error.name:
                return ".".join(path[: path.index(error.name, 1) + 1])
        return next((".".join(path) for path in candidates if path[-1] == error.name), error.name)


def _end_of_way(path: tuple[str, ...], data: Any) -> str:
    """The first key of the path that the data does not have, or nothing."""
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return key
        data = data[key]
    return ""
