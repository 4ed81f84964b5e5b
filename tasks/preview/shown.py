"""A template as one person gets it: every part by the code that sends, or what is wrong with it and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks import templates
from tasks.errors import CarillonError, MissingVariable
from tasks.rendering.branches import Condition, Taken, Watched, conditions, forced
from tasks.rendering.limits import EMAIL_HTML, EMAIL_SUBJECT, EMAIL_TEXT, PARTS
from tasks.rendering.mail.made import HTML, made
from tasks.rendering.version import STANDS_IN, CompiledVersion

LONGEST = 600  # characters of one side of a condition that are shown beside the other


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a part, and where: line and column from 1, 0 where they are not known."""

    part: str
    message: str
    remedy: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Side:
    """One way a condition can go: its words, whether this person takes it, and the part as it reads then (or why not)."""

    words: str
    is_taken: bool
    text: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Fork:
    """A condition with its sides. `is_reached` is False where it stands inside another one's side that was not taken."""

    condition: Condition
    sides: tuple[Side, ...]
    is_reached: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts that could be written, the faults of the others, and the conditions.

    `gaps` are variables that have no value yet: their names stand in the texts, in angle brackets.
    """

    texts: Mapping[str, str]
    faults: Mapping[str, Fault]  # by the part that cannot be shown
    gaps: tuple[str, ...]
    variables: tuple[str, ...]
    forks: tuple[Fork, ...]


Force = tuple[str, int, int]  # part, condition's number, side


def show(
    sources: Mapping[str, str], data: Mapping[str, Any], recipient: Mapping[str, Any], force: Force | None = None,
    email_format: str | None = None,
) -> Shown:
    """Every part for this person; with `force`, as if that condition took that side. Raises nothing: faults are in the answer.

    `email_format` is that of texts not saved yet; None: they are those of a version.
    """
    problems = templates.validate(sources, email_format or HTML)
    broken = {one.part: Fault(one.part, one.message, one.remedy, one.line, one.column) for one in problems}
    usable = finished({name: "" if name in broken else (sources.get(name) or "") for name in PARTS}, email_format)
    found = conditions(usable)
    version = CompiledVersion(usable)
    chosen = next((one for one in found if force and (one.part, one.number) == force[:2]), None)
    if chosen and force and 0 <= force[2] < len(chosen.sides):
        version = forced(usable, chosen, force[2])
    blanks = {name: f"<{name}>" for name in version.variables if name not in data}
    texts, faults, gaps = {}, {}, set()
    for name in PARTS:
        try:
            _refuse_broken(name, sources, broken)
            texts[name], left = _written(version, name, data, recipient, blanks)
            gaps |= left
        except CarillonError as error:
            faults[name] = fault_of(name, error)
    filled = {**blanks, **data}
    return Shown(texts, faults, tuple(sorted(gaps)), tuple(sorted(version.variables)), _forks(usable, found, filled, recipient))


def finished(sources: Mapping[str, str], email_format: str | None) -> dict[str, str]:
    """Texts as saving would keep them: MJML becomes HTML. Raises InvalidTemplate."""
    if email_format is None:
        return dict(sources)
    return {**sources, EMAIL_HTML: made(sources.get(EMAIL_HTML) or "", email_format).html}


def behind(name: str, sources: Mapping[str, str]) -> list[str]:
    """The parts whose own text a part is made of: itself, or what stands in for it where it is empty."""
    if sources.get(name):
        return [name]
    if name == EMAIL_HTML:
        return [*behind(EMAIL_SUBJECT, sources), *behind(EMAIL_TEXT, sources)]
    return behind(STANDS_IN[name], sources) if name in STANDS_IN else [name]


def fault_of(part: str, error: CarillonError) -> Fault:
    """An error as it is shown beside its part; the part that it names is the one at fault."""
    where = error.extra
    return Fault(where.get("part", part), error.detail, error.remedy, where.get("line", 0), where.get("column", 0))


def _refuse_broken(name: str, sources: Mapping[str, str], broken: Mapping[str, Fault]) -> None:
    for part in behind(name, sources):
        if part in broken:
            fault = broken[part]
            raise CarillonError(fault.message, remedy=fault.remedy, part=part, line=fault.line, column=fault.column)


def _written(
    version: CompiledVersion, name: str, data: Mapping[str, Any], recipient: Mapping[str, Any], blanks: Mapping[str, str]
) -> tuple[str, set[str]]:
    """The part's text, and the variables it still waits for. Raises what the sending would, if their names do not do."""
    try:
        return _one(version, name, data, recipient), set()
    except MissingVariable:
        missing = {read for part in version.behind(name) for read in part.names} & blanks.keys()
        if not missing:
            raise
        try:
            return _one(version, name, {**blanks, **data}, recipient), missing
        except CarillonError:
            pass
        raise


def _one(version: CompiledVersion, name: str, data: Mapping[str, Any], recipient: Mapping[str, Any]) -> str:
    return str(getattr(version.render(data, recipient, [name]), name))


def _forks(
    sources: Mapping[str, str], found: Sequence[Condition], data: Mapping[str, Any], recipient: Mapping[str, Any]
) -> tuple[Fork, ...]:
    taken = taken_by(Watched(sources), data, recipient) if found else {}
    return tuple(_fork(sources, one, taken.get((one.part, one.number), set()), data, recipient) for one in found)


def taken_by(watched: Watched, data: Mapping[str, Any], recipient: Mapping[str, Any]) -> Taken:
    """The sides that a person takes. Those of a part that fails for them are missing."""
    found: Taken = {}
    for part in watched.parts:
        try:
            found |= watched.taken(part, _one(watched.version, part, data, recipient))
        except CarillonError:
            continue
    return found


def _fork(
    sources: Mapping[str, str], condition: Condition, taken: set[int], data: Mapping[str, Any], recipient: Mapping[str, Any]
) -> Fork:
    alone = {condition.part: sources[condition.part]}  # the other parts need not be compiled again
    sides = []
    for number, words in enumerate(condition.sides):
        text = fault = ""
        try:
            if condition.part != EMAIL_HTML:  # that one is looked at as a page
                text = _one(forced(alone, condition, number), condition.part, data, recipient)[:LONGEST]
        except CarillonError as error:
            fault = str(error)
        sides.append(Side(words, number in taken, text, fault))
    return Fork(condition, tuple(sides), bool(taken))
