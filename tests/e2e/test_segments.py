"""Segments in a real browser: conditions built without a mouse, compared, saved; a list pasted; a file imported."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
FILE = "Customer ID;E-Mail;Plan\ne2e-1;one@example.org;gold\ne2e-2;nonsense;free\ne2e-3;;gold\n"
ODD: dict[str, Any] = {"combinator": "and", "rules": [
    {"field": "name", "operator": "<", "value": "M"}, {"field": "country", "operator": "=", "value": "NP"},
]}


def definition(page: Any) -> Any:
    return json.loads(page.locator("[name=definition]").input_value())


def settled(page: Any) -> str:
    """The count, once the server has answered to the last change."""
    figure = page.locator("body:not([data-looking]) [data-figure]", has_text=re.compile("[0-9]"))
    figure.wait_for()
    return str(figure.inner_text())


def test_a_rule_is_built_counted_compared_and_kept(open_page: Open) -> None:
    page = open_page(360)
    page.goto("/admin/segments/new/")
    page.locator("[name=name]").fill("Lately from Nepal")
    page.get_by_label("Slug").fill("lately-np")
    page.get_by_role("button", name="Add a condition").press("Enter")
    assert page.get_by_label("Field", exact=True).evaluate("one => one === document.activeElement")
    page.get_by_role("button", name="Save segment").click()
    page.get_by_text("Give a value, or remove this condition.").wait_for()
    page.get_by_label("Value", exact=True).fill("NP")
    nepal = int(settled(page).replace(",", ""))
    assert nepal > 0
    page.get_by_role("button", name="Add a group").press("Enter")
    page.get_by_label("Field", exact=True).nth(1).select_option("attributes.rentals")
    page.get_by_label("Comparison").nth(1).select_option(label="is more than")
    page.get_by_label("Value", exact=True).nth(1).fill("20")
    page.get_by_role("button", name="Add a condition").first.press("Enter")
    page.get_by_label("Field", exact=True).nth(2).select_option("created_at")
    page.get_by_label("How many").fill("7")
    page.get_by_label("Of what").select_option("w")
    assert definition(page) == {"combinator": "and", "rules": [
        {"field": "country", "operator": "=", "value": "NP"},
        {"combinator": "or", "rules": [
            {"field": "attributes.rentals", "operator": ">", "value": 20},
            {"field": "created_at", "operator": ">=", "value": "-7w"},
        ]},
    ]}
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Save segment").click()
    page.wait_for_url("**/admin/segments/")
    page.get_by_role("link", name="Lately from Nepal", exact=True).click()

    page.get_by_text("The same people as in the saved version.").wait_for()
    page.get_by_role("button", name="Remove this group").press("Enter")
    page.get_by_text("would enter").wait_for()
    assert settled(page) == str(nepal)

    page.get_by_role("button", name="JSON").click()
    page.get_by_label("Definition").fill(json.dumps(ODD))
    page.get_by_role("button", name="Conditions").click()
    page.get_by_text("Written as JSON; it is kept as it is.").wait_for()
    page.get_by_label("Value", exact=True).fill("IN")
    assert definition(page)["rules"] == [ODD["rules"][0], {**ODD["rules"][1], "value": "IN"}]
    page.get_by_role("button", name="Save segment").click()
    page.wait_for_url("**/admin/segments/")


def test_a_list_is_pasted_and_a_file_is_checked_before_it_is_written(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/segments/new/")
    page.locator("[name=name]").fill("Pasted")
    page.get_by_label("Slug").fill("pasted")
    page.get_by_text("A static list", exact=True).click()
    page.get_by_role("button", name="Save segment").click()
    page.get_by_role("link", name="People on the list").click()
    page.get_by_label("Their ids").fill("demo-9\nnobody-at-all")
    page.get_by_role("button", name="Add them").click()
    page.get_by_text("Line 2").wait_for()
    page.get_by_text("Add the other 1").click()
    page.get_by_role("button", name="Add them").click()
    page.get_by_text("1 person on this list").wait_for()

    page.get_by_role("link", name="Import a file").click()
    page.get_by_label("CSV file").set_input_files({"name": "our.csv", "mimeType": "text/csv", "buffer": FILE.encode("utf-8-sig")})
    page.get_by_role("button", name="Upload").click()
    assert page.get_by_label("What Customer ID is").input_value() == "id"
    page.get_by_text("Create people who are not known yet").click()
    page.get_by_role("button", name="Check every row").click()
    page.get_by_text("2 rows are good, 1 row is bad").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download them as CSV").click()
    assert "3,email," in download.value.path().read_text(encoding="utf-8")
    page.get_by_role("button", name="Import 2 people").click()
    page.get_by_text("2 people imported").wait_for()
    page.get_by_role("link", name="See the list").click()
    page.get_by_text("3 people on this list").wait_for()
