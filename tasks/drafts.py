"""The texts of a template before they are saved: what is wrong with them, and how they would read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.errors import InvalidTemplate
from tasks.models import TemplateVersion
from tasks.render import CompiledVersion, Rendered, compiled
from tasks.rendering.limits import EMAIL_HTML, MESSAGE, PARTS, TITLE
from tasks.rendering.mail.made import HTML, made
from tasks.rendering.part import Part


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one part. Line and column start at 1."""

    part: str
    line: int
    column: int
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Look:
    """What an editor shows while somebody types: what a send must give, what is read of the person, what is wrong."""

    variables: list[str]
    person: list[str]
    problems: list[Problem]
    notes: tuple[str, ...] = ()


def look(parts: Mapping[str, str], email_format: str = HTML) -> Look:
    """The look of unsaved texts. Parts that cannot be read yet contribute their problem and nothing else."""
    problems = validate(parts, email_format)
    broken = {problem.part for problem in problems}
    compiled_parts = [Part(name, parts.get(name) or "") for name in PARTS if name not in broken]
    variables = sorted(frozenset().union(*(part.variables for part in compiled_parts)))
    person = sorted({".".join(path) for part in compiled_parts for path in part.recipient_paths})
    notes = () if EMAIL_HTML in broken else made(parts.get(EMAIL_HTML) or "", email_format).notes
    return Look(variables, person, problems, notes)


def validate(parts: Mapping[str, str], email_format: str = HTML) -> list[Problem]:
    """Everything wrong with these parts (names as in TemplateVersion): the first problem of each. Empty: they can be saved."""
    problems = [
        Problem(name, 1, 1, f"{name} is empty.", "Write what people shall read.")
        for name in (TITLE, MESSAGE)
        if not (parts.get(name) or "").strip()
    ]
    for name in PARTS:
        try:
            Part(name, parts.get(name) or "")
            if name == EMAIL_HTML:
                Part(name, made(parts.get(name) or "", email_format).html)
        except InvalidTemplate as error:
            problems.append(Problem(name, error.extra["line"], error.extra["column"], error.detail, error.remedy))
    return problems


def draft(parts: Mapping[str, str], email_format: str = HTML) -> CompiledVersion:
    """Unsaved texts, compiled as if they had been saved. Raises InvalidTemplate with the first problem."""
    refuse_problems(parts, email_format)
    return CompiledVersion({**parts, EMAIL_HTML: made(parts.get(EMAIL_HTML) or "", email_format).html})


def variables(version: TemplateVersion) -> list[str]:
    """The names that a send must give, without `recipient`, in alphabetical order. Raises InvalidTemplate."""
    return sorted(compiled(version).variables)


def preview(
    source: TemplateVersion | Mapping[str, str], context: Mapping[str, Any], recipient: Mapping[str, Any]
) -> Rendered:
    """All parts as this person would get them, from a saved version or from unsaved parts: the renderer is the sending one.

    Unsaved parts may bring their `email_format`. Raises InvalidTemplate, MissingVariable, RenderFailed or InvalidData.
    """
    version = compiled(source) if not isinstance(source, Mapping) else _unsaved(source)
    return version.render(context, recipient, PARTS)


def _unsaved(source: Mapping[str, str]) -> CompiledVersion:
    html = made(source.get(EMAIL_HTML) or "", source.get("email_format") or HTML).html
    return CompiledVersion({**source, EMAIL_HTML: html})


def refuse_problems(parts: Mapping[str, str], email_format: str = HTML) -> None:
    """Raises InvalidTemplate with the first thing that is wrong, its part as `field`, `line` and `column` in `extra`."""
    for problem in validate(parts, email_format):
        raise InvalidTemplate(
            problem.message, field=problem.part, remedy=problem.remedy, line=problem.line, column=problem.column
        )
