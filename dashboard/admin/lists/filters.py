"""The filters of a list: each is one query parameter, one control, and one condition."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement

from dashboard.admin.lists.keyset import Columns

Options = Sequence[tuple[str, str]]
Ids = tuple[int, int | None]  # [low, high): where a list's rows can be at all


class FilterError(ValueError):
    """The text given to a filter cannot be understood; the message says what it should be."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. `where` turns its text into a condition and raises FilterError for a text it cannot read."""

    name: str
    label: str
    where: Callable[[str], ColumnElement[bool]]
    kind: Literal["select", "text", "moment"] = "select"
    options: Callable[[], Options] = field(default=lambda: ())  # of a select; suggestions for a text
    narrow: bool | Callable[[str], bool] = False  # an index finds the rows (of this value): no need to look in small windows
    of_message: bool = False  # it asks the delivery's message, which is read only then
    within: Callable[[str, Columns], Ids] | None = None  # the ids among which its rows are, where that is known at once
    hint: str = ""
    wide: bool = False

    def is_served(self, text: str) -> bool:
        """True where an index finds the rows of this value."""
        return self.narrow(text) if callable(self.narrow) else self.narrow


def equals(name: str, label: str, column: Any, options: Callable[[], Options]) -> Filter:
    """A select whose value must be one of its options, compared as it is."""

    def where(text: str) -> ColumnElement[bool]:
        if text not in {value for value, _ in options()}:
            raise FilterError(f"there is no {label.lower()} {text!r}")
        return column == text  # type: ignore[no-any-return]

    return Filter(name, label, where, "select", options)


def is_true(name: str, label: str, column: Any, yes: str, no: str) -> Filter:
    """A yes-or-no select over a boolean column."""

    def where(text: str) -> ColumnElement[bool]:
        if text not in {"1", "0"}:
            raise FilterError(f"{label.lower()} is 1 or 0")
        return column.is_(text == "1")  # type: ignore[no-any-return]

    return Filter(name, label, where, "select", lambda: (("1", yes), ("0", no)))


def exact(
    name: str, label: str, column: Any, *, hint: str = "", options: Callable[[], Options] = lambda: (), narrow: bool = False
) -> Filter:
    """A text compared as it is; `options` are suggestions."""
    return Filter(name, label, lambda text: column == text, "text", options, hint=hint, narrow=narrow)
