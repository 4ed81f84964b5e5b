"""The delivery log and a person's page in a real browser: found, read as a story, sent again, switched off, erased."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_a_delivery_is_found_read_and_sent_again_and_its_person_forgotten(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto("/admin/deliveries/")
    page.get_by_label("Person").fill("demo-1")
    page.get_by_label("Channel").select_option("email")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url(re.compile(r"recipient=demo-1"))
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download CSV").click()
    assert "demo-1" in taken.value.path().read_text(encoding="utf-8")
    page.locator("a.row-link").first.click()

    page.get_by_text("What happened").wait_for()
    for moment in ("Accepted", "Queued", "Try 1"):
        assert page.locator(".timeline").get_by_text(moment, exact=True).is_visible()
    frame = page.locator("iframe.mail")
    frame.scroll_into_view_if_needed()
    assert page.frame_locator("iframe.mail").locator("body").inner_text().strip()
    assert frame.evaluate("one => { try { return one.contentDocument === null } catch { return true } }"), "it is of no site"
    old = page.url

    page.get_by_role("link", name="Send again").click()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("an earlier message").wait_for()
    page.goto(old)
    assert page.get_by_text("Sent again as a new message").is_visible()

    page.locator("dl.facts a[href*=recipients]").first.click()
    page.get_by_label("Type or template").select_option("type:payment_success")
    page.get_by_role("button", name="Look").click()
    page.locator("#what-if").get_by_text("The rule").first.wait_for()
    page.get_by_label("payment_success: not by SMS").check()
    page.get_by_role("button", name="Save wishes").click()
    page.wait_for_load_state()
    assert page.get_by_label("payment_success: not by SMS").is_checked()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Export").click()
    assert json.loads(taken.value.path().read_text(encoding="utf-8"))["person"]["id"] == "demo-1"

    narrow = open_page(360)
    narrow.goto(page.url)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    narrow.get_by_role("link", name="Erase").click()
    narrow.get_by_label(re.compile("Type the id")).fill("demo-2")
    narrow.keyboard.press("Enter")
    narrow.get_by_text("This is not the person's id").wait_for()
    narrow.get_by_label(re.compile("Type the id")).fill("demo-1")
    narrow.keyboard.press("Enter")
    narrow.get_by_role("heading", name="Somebody who was erased").wait_for()
