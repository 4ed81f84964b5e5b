"""A broadcast's form: what its texts mean."""

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from dashboard.admin.forms.draft import Draft
from tasks.errors import InvalidData
from tests import factories


def draft(**fields: str) -> Draft:
    return Draft.read(MultiDict({"template": "offer", **fields}))


@pytest.fixture(autouse=True)
def template(app: Flask) -> None:
    factories.template("offer", title="{{ code }}", message="{{ amount }}")


@pytest.mark.parametrize(("text", "value"), [
    ("1000", 1000), ("-5", -5), ("1.5", 1.5), ("1.50", "1.50"), ("007", "007"), ("1_000", "1_000"), ("1e3", "1e3"),
    ("nan", "nan"), ("inf", "inf"), ("true", "true"), (" 5", " 5"), ("\u0966", "\u0966"), ("<b>", "<b>"),
])
def test_a_number_is_one_only_where_nothing_of_it_would_change(text: str, value: object) -> None:
    assert draft(**{"var-code": "X", "var-amount": text}).data() == {"code": "X", "amount": value}


def test_empty_and_foreign_fields_are_no_variables() -> None:
    assert draft(**{"var-code": "", "var-amount": "5", "var-other": "x"}).data() == {"amount": 5}


def test_json_says_it_all() -> None:
    assert draft(as_json="1", json='{"code": ["a"], "amount": true}').data() == {"code": ["a"], "amount": True}


@pytest.mark.parametrize("text", ["[", "[1]", "5", "{]", "[" * 100_000])
def test_what_is_no_object_names_its_field(text: str) -> None:
    with pytest.raises(InvalidData) as caught:
        draft(as_json="1", json=text).data()
    assert caught.value.field == "json"
