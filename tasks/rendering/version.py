"""All parts of a template's version, compiled together, and one call's run of them for one person or many."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import CarillonError, MissingVariable, RenderFailed
from tasks.rendering.budget import Budget, RunContext
from tasks.rendering.frame import framed
from tasks.rendering.limits import EMAIL_HTML, EMAIL_SUBJECT, EMAIL_TEXT, MESSAGE, PARTS, SMS_TEXT, TITLE
from tasks.rendering.names import RECIPIENT
from tasks.rendering.part import Change, Part
from tasks.rendering.values import plain

STANDS_IN = {SMS_TEXT: MESSAGE, EMAIL_SUBJECT: TITLE, EMAIL_TEXT: MESSAGE}  # for an empty part
EXHAUSTED = 3  # people of one call for whom the template costs too much, before it is not tried for the rest


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts of one message. A part that was not asked for is empty."""

    title: str = ""
    message: str = ""
    sms_text: str = ""
    email_subject: str = ""
    email_html: str = ""
    email_text: str = ""


class CompiledVersion:
    """All parts of one version, compiled. Nothing in it changes: threads share it."""

    def __init__(self, sources: Mapping[str, str], change: Change | None = None) -> None:
        """`sources`: every part's text, an empty one falls back. Raises InvalidTemplate for the first part refused."""
        self.sources = tuple(sources.get(name) or "" for name in PARTS)
        texts = dict(zip(PARTS, self.sources, strict=True))
        self._parts = {name: Part(name, text, change) for name, text in texts.items() if text or name in (TITLE, MESSAGE)}
        for name, other in STANDS_IN.items():
            self._parts.setdefault(name, self._parts[other].standing_in_for(name))
        self._paths = sorted(frozenset().union(*(part.recipient_paths for part in self._parts.values())))
        self.variables: frozenset[str] = frozenset().union(*(part.variables for part in self._parts.values()))
        self.recipient_fields: frozenset[str] = frozenset(path[0] for path in self._paths)
        self.is_personal: bool = bool(self._paths)

    def personal(self, parts: Collection[str]) -> bool:
        """True where one of these parts depends on the recipient."""
        return any(part.recipient_paths for name in parts for part in self.behind(name))

    def render(
        self, context: Mapping[str, Any], recipient: Mapping[str, Any], parts: Collection[str] = (TITLE, MESSAGE)
    ) -> Rendered:
        """These parts for one person. Raises MissingVariable, RenderFailed, or InvalidData where a value is not plain."""
        return _Run(self, context, parts).write(recipient)

    def render_many(
        self, context: Mapping[str, Any], recipients: Sequence[Mapping[str, Any]],
        parts: Collection[str] = (TITLE, MESSAGE), *, are_read: bool = False,
    ) -> list[Rendered | CarillonError]:
        """These parts for many, in their order. Where it fails for a person, the error stands in the list.

        `are_read`: the recipients are what `read_of` made of them, and not read again. Raises InvalidData where the context,
        which all share, is not plain.
        """
        run = _Run(self, context, parts, are_read=are_read)
        results: list[Rendered | CarillonError] = []
        too_dear: list[CarillonError] = []
        for recipient in recipients:
            try:
                results.append(run.write(recipient) if len(too_dear) < EXHAUSTED else too_dear[-1])
            except CarillonError as error:
                results.append(error)
                if error.extra.get("exhausted"):
                    too_dear.append(error)
        return results

    def rehearse(self, context: Mapping[str, Any], parts: Collection[str] = (TITLE, MESSAGE)) -> Rendered:
        """These parts before anybody is known; those that depend on the recipient come back empty.

        They are tried all the same, so that a variable missing for everybody shows now. Raises as `render` does; not for
        what may only be due to the stand-in: a recipient whose every field is empty.
        """
        for name in parts:  # one by one: what the stand-in spoils in one part must not hide what is missing in the next
            if self.personal([name]):
                self._try(context, name)
        return self.render(context, {}, [name for name in parts if not self.personal([name])])

    def _try(self, context: Mapping[str, Any], name: str) -> None:
        try:
            self.render(context, self._blank(), [name])
        except MissingVariable as error:
            if not error.field.startswith(f"{RECIPIENT}."):
                raise
        except RenderFailed:
            pass

    def read_of(self, recipient: Mapping[str, Any]) -> dict[str, Any]:
        """What the template reads of this person, as plain data. Raises InvalidData."""
        read: dict[str, Any] = {}
        for field, *key in self._paths:  # sorted: ("attributes",), all of them, comes before ("attributes", "city")
            if field not in recipient:
                continue
            value = recipient[field]
            if not key or not isinstance(value, Mapping):
                read[field] = value
            elif read.setdefault(field, {}) is not value and key[0] in value:
                read[field][key[0]] = value[key[0]]
        return plain(read, RECIPIENT)

    def _blank(self) -> dict[str, Any]:
        """A recipient whose fields are there and empty, as far as the template reads them."""
        fields: dict[str, Any] = {}
        for field, *key in self._paths:
            if field == "attributes":
                fields.setdefault(field, {}).update(dict.fromkeys(key, ""))
            else:
                fields[field] = ""
        return fields

    def behind(self, name: str) -> list[Part]:
        """The compiled parts that a part is made of: itself, or what the frame around an e-mail shows."""
        if name == EMAIL_HTML and name not in self._parts:
            return [self._parts[EMAIL_SUBJECT], self._parts[EMAIL_TEXT]]
        return [self._parts[name]]


class _Run:
    """One call: the shared data made plain once, one context a part, used for one person after the other."""

    def __init__(
        self, version: CompiledVersion, context: Mapping[str, Any], parts: Collection[str], *, are_read: bool = False
    ) -> None:
        self._parts = [(name, version.behind(name)) for name in parts]
        compiled = {part for _, behind in self._parts for part in behind}
        read = frozenset().union(*(part.names for part in compiled)) - {RECIPIENT}
        self._data = plain({name: context[name] for name in read if name in context})  # not what nobody reads
        reads = any(part.recipient_paths for part in compiled)
        self._read_of: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
        if reads:
            self._read_of = (lambda known: known) if are_read else version.read_of
        self._budget = Budget()
        self._contexts: dict[Part, RunContext] = {}
        self._shared: dict[Part, str] = {}  # what is the same for all

    def write(self, recipient: Mapping[str, Any]) -> Rendered:
        if self._read_of:
            self._data[RECIPIENT] = self._read_of(recipient)
        written = dict(self._shared)
        return Rendered(**{name: self._text(parts, written) for name, parts in self._parts})

    def _text(self, parts: list[Part], written: dict[Part, str]) -> str:
        texts = [self._part(part, written) for part in parts]
        return texts[0] if len(texts) == 1 else framed(*texts)

    def _part(self, part: Part, written: dict[Part, str]) -> str:
        text = written.get(part)
        if text is None:
            context = self._contexts.get(part)
            if context is None:
                context = self._contexts[part] = part.context(self._data, self._budget)
            text = written[part] = part.render(context)
            if not part.recipient_paths:
                self._shared[part] = text
        return text
