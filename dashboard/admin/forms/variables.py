"""The fields of a template's variables: one each, of the kind that it was before, or all of them as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from dashboard.admin.forms.json_text import read_object
from tasks.errors import InvalidData
from tasks.forecast.asked import KINDS, UNKNOWN, Variable, read

PREFIX, KIND = "var-", "kind-"  # of a variable's field, and of the one that says what was asked for


@dataclass(slots=True)
class VariableFields:
    """What was typed. `values` are the texts, `kinds` what each was asked as: a send in between must not change their meaning."""

    values: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    json_text: str = ""
    as_json: bool = False

    @classmethod
    def read(cls, form: "MultiDict[str, str]") -> "VariableFields":
        """What a form holds."""
        return cls(
            {name.removeprefix(PREFIX): text for name, text in form.items() if name.startswith(PREFIX)},
            {name.removeprefix(KIND): kind for name, kind in form.items() if name.startswith(KIND) and kind in KINDS},
            form.get("json", ""), form.get("as_json") == "1",
        )

    def kept(self) -> list[tuple[str, str]]:
        """The fields as the form sent them."""
        named = [(f"{PREFIX}{name}", text) for name, text in self.values.items()]
        kinds = [(f"{KIND}{name}", kind) for name, kind in self.kinds.items()]
        return [*named, *kinds, ("json", self.json_text), ("as_json", "1" if self.as_json else "")]

    def kind(self, variable: Variable) -> str:
        """As what a variable is asked: as it was in this form before, else as the past says."""
        return self.kinds.get(variable.name, variable.kind)

    def data(self, variables: Iterable[Variable]) -> dict[str, Any]:
        """The values. Raises InvalidData naming the first field that is not what it is asked for."""
        if self.as_json:
            return self._json()
        found = {}
        for one in variables:
            text = self.values.get(one.name, "")
            if text == "":
                continue
            try:
                found[one.name] = read(text, self.kinds.get(one.name, UNKNOWN))
            except ValueError as error:
                raise InvalidData(str(error), field=f"data.{one.name}") from None
        return found

    def _json(self) -> dict[str, Any]:
        try:
            return read_object(self.json_text or "{}", '{"amount": 1000}')
        except ValueError as error:
            raise InvalidData(str(error), field="json") from None
