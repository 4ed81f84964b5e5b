"""The safety catch in a real browser, by keyboard: typed count, approval by another person, undo, canary, report, the rest."""

import csv
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pages import wide
from tests.e2e.test_journey import approve, finish, outcome, prove

pytestmark = pytest.mark.browser


def test_a_large_send_is_typed_approved_and_taken_back_and_the_next_goes_by_its_canary(
    two: tuple[Any, Any], skip_the_seconds: Callable[[], None]
) -> None:
    sender, approver = two

    ask(sender, typed="59")
    assert "You said 59, and it goes to 60 people." in sender.locator("#error-typed_count").inner_text()
    sender.locator("#typed_count").fill("60")
    sender.keyboard.press("Enter")
    sender.get_by_text("Waits for a second person", exact=True).wait_for()
    assert sender.get_by_role("button", name="Approve").count() == 0

    approver.goto(sender.url)
    approver.get_by_label("A word about it").fill("Looks right.")
    approver.keyboard.press("Tab")
    approver.keyboard.press("Enter")
    approver.get_by_text("Starts in").wait_for()
    sender.get_by_text("Starts in").wait_for()  # the page of whoever watches follows
    assert approver.get_by_role("button", name="Undo").evaluate("one => one === document.activeElement")
    approver.keyboard.press("Enter")
    approver.get_by_text("Taken back before anything was written.").first.wait_for()

    ask(sender, typed="60", canary="10", share="0")
    sender.get_by_text("Waits for a second person", exact=True).wait_for()
    approve(approver, sender.url)
    skip_the_seconds()
    approver.get_by_role("heading", name="Closing report").wait_for(timeout=30_000)
    broadcast = approver.url
    assert outcome(approver) == {"Sent": 55, "Failed": 3, "Skipped": 2, "Audience": 60}
    about = approver.locator("[data-part=about]").inner_text()
    assert "10 people first; it stops if more than 0% of them fail" in about
    with approver.expect_download() as download:
        approver.get_by_role("button", name="These people as CSV").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [row["name"] for row in rows] == ["'=bad0", "'=bad1", "'=bad2"]
    approver.get_by_role("link", name="To print").click()
    approver.get_by_role("heading", name="Everybody").wait_for()
    approver.set_viewport_size({"width": 360, "height": 800})
    assert not wide(approver)

    approver.goto(broadcast)
    finish(approver)
    assert outcome(approver) == {"Sent": 55, "Failed": 3, "Skipped": 2, "Audience": 60}
    prove(approver)
    assert not wide(approver)


def ask(page: Any, *, typed: str, canary: str = "", share: str = "") -> None:
    """Compose to everybody, up to the press of the last button."""
    page.goto("/admin/compose/")
    page.locator("select[name=template]").select_option("offer")
    page.wait_for_load_state()
    page.locator("input[name=audience][value=all]").check()
    page.get_by_role("button", name=re.compile("Review")).click()
    page.locator("#typed_count").wait_for()
    if canary:
        page.locator(".safety__canary summary").press("Enter")
        page.locator("#canary").fill(canary)
        page.locator("#canary_share").fill(share)
    page.locator("#typed_count").fill(typed)
    page.keyboard.press("Enter")
