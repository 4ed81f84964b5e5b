"""Forms: plain WTForms with our fields. The CSRF token is in every page's form and checked before every view."""

import json
from collections.abc import Iterable
from typing import Any

from flask_admin.form import BaseForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    Field,
    HiddenField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from dashboard.admin.display import times
from dashboard.admin.forms.json_text import read_object
from tasks.errors import CarillonError

__all__ = [
    "BooleanField", "ChecksField", "Form", "HiddenField", "JsonField", "MomentField", "Optional", "SelectField", "StringField",
    "choice", "code", "line", "options", "place", "text", "yes_no",
]

LONGEST = 300_000  # characters of one field; what a part of a template may have is checked where templates are saved


class Form(BaseForm):  # type: ignore[misc]
    """The base of every form. Errors of the domain are put beside their field by `place`."""

    domain_fields: dict[str, str] = {}  # a domain error's field: the form's field, where the names differ


def place(form: Form, error: CarillonError) -> None:
    """Put a domain error beside the field that it names; above the first field where it names none of the form's."""
    wanted = error.field.removeprefix("recipient.")
    name = form.domain_fields.get(wanted, wanted)
    found = form._fields.get(name) or form._fields.get(name.partition(".")[0]) or next(iter(form._fields.values()))
    found.errors = [*found.errors, str(error)]


class ChecksField(SelectMultipleField):  # type: ignore[misc]
    """Several of a few: a group of checkboxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class JsonField(TextAreaField):  # type: ignore[misc]
    """A JSON object in a text area. An empty one is None."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else json.dumps(self.data, indent=2, ensure_ascii=False)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text; what is wrong is said with its line and column."""
        given = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not given:
            return
        self.data = read_object(given, '{"name": "value"}')


class MomentField(DateTimeLocalField):  # type: ignore[misc]
    """A time, typed in the operator's zone and kept aware."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return times.for_input(self.data) if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the local time."""
        given = valuelist[0].strip() if valuelist else ""
        self.data = None
        if given:
            try:
                self.data = times.parse_local(given)
            except ValueError:
                raise ValueError("This is not a time. Write it like 2026-01-31T09:00.") from None


def line(
    label: str, *, hint: str = "", required: bool = False, longest: int = 200, css: str = "", **attributes: Any
) -> StringField:
    """A single line of text."""
    shown = {"class": css, "autocomplete": "off", **attributes}
    return StringField(label, _checks(required, longest), [_strip], hint, render_kw=shown)


def text(label: str, *, hint: str = "", required: bool = False, rows: int = 3, css: str = "") -> TextAreaField:
    """Several lines of prose."""
    return TextAreaField(label, _checks(required, LONGEST), description=hint, render_kw={"rows": rows, "class": css})


def code(label: str, *, hint: str = "", required: bool = False, rows: int = 4) -> TextAreaField:
    """Several lines of source, in a fixed-width face."""
    attributes = {"rows": rows, "class": "input--code", "spellcheck": "false", "autocapitalize": "off"}
    return TextAreaField(label, _checks(required, LONGEST), description=hint, render_kw=attributes)


def options(pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """Values and their labels, as WTForms takes them."""
    return [SelectChoice(value, label) for value, label in pairs]


def choice(label: str, pairs: Iterable[tuple[str, str]], *, hint: str = "", default: str | None = None) -> SelectField:
    """One of a few."""
    return SelectField(label, choices=options(pairs), description=hint, default=default)


def yes_no(label: str, *, hint: str = "", default: bool = False) -> BooleanField:
    """A checkbox."""
    return BooleanField(label, description=hint, default=default)


def _checks(required: bool, longest: int) -> list[Any]:
    first = InputRequired("This is needed.") if required else Optional(strip_whitespace=False)
    return [first, Length(max=longest, message="At most %(max)d characters."), _no_control]


def _no_control(_form: Any, field: Field) -> None:
    if "\x00" in (field.data or ""):
        raise ValidationError("Leave the NUL character out.")


def _strip(value: str | None) -> str | None:
    return value.strip() if isinstance(value, str) else value
