"""The composer in a real browser: a draft that outlives a reload, the dry run, what moved before the press, and the send."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_a_broadcast_is_written_looked_at_and_sent(open_page: Callable[..., Any], tmp_path: Path) -> None:
    guests = tmp_path / "guests.csv"
    guests.write_text("id,name,email\ng1,Gita,g1@example.org\ng2,Hari,nonsense\n", encoding="utf-8")
    page = open_page(360)
    page.goto("/admin/compose/")
    page.get_by_text("Write it here").click()
    page.locator("#own_type").fill("special_offer")
    page.get_by_label("Title").fill("Hi {{ recipient.name }}")
    page.get_by_label("Message").fill("We are closed on {{ day }}.")
    page.get_by_role("button", name="Show the fields of its variables").click()
    page.get_by_label("day").fill("Sunday")

    page.goto("/admin/compose/")  # the draft of this tab comes back
    page.get_by_text("Your draft is back.").wait_for()
    assert page.get_by_label("day").input_value() == "Sunday"

    page.get_by_text("A CSV file").click()
    page.locator("#people_file").set_input_files(guests)
    page.get_by_role("button", name="Review").click()
    page.get_by_text("1 of 2 rows cannot be used.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("#people_file").set_input_files(guests)
    page.get_by_text("Leave these rows out", exact=True).click()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("heading", name="Send “Hi …” to 1 person?").wait_for()
    assert page.get_by_text("We are closed on Sunday.").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360

    page.get_by_role("button", name="Send to 1 person").click()
    page.wait_for_url("**/admin/broadcasts/details/**")
    page.goto("/admin/compose/")  # what was sent does not come back
    page.get_by_role("button", name="Review").wait_for()
    assert page.locator("#own_title").input_value() == ""
