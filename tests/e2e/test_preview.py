"""The live preview and the test send, in a real browser: seen before it is sent, as anybody, on every channel."""

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


def choose_by_keyboard(page: Any, words: str) -> str:
    """Pick the first person whom `words` find. Returns what is shown of them."""
    page.get_by_role("combobox", name="As").fill(words)
    page.locator(".preview__found [aria-selected=true]").wait_for()
    found = str(page.locator(".preview__found .strong").first.inner_text())
    page.keyboard.press("Enter")
    page.locator("[data-status]", has_text=f"As {found}").wait_for()
    return found


def test_a_message_is_seen_on_every_channel_and_tried_before_it_is_sent(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/compose/?template=payment_success")
    preview = page.locator("[data-preview]")
    preview.get_by_text("still without a value: amount, gateway").wait_for()
    page.locator("[name=var-amount]").fill("1000")
    page.locator("[name=var-gateway]").fill("eSewa \u2019 <b>")

    preview.locator(".mock-card__text", has_text="eSewa \u2019 <b>").wait_for()  # as text: nothing of it is markup
    assert preview.locator(".mock-card b").count() == 0
    person = choose_by_keyboard(page, "busy")

    page.get_by_role("tab", name="In-app").focus()
    page.keyboard.press("ArrowRight")
    assert preview.locator(".mock-push__title").inner_text() == "Payment Successful - \u20b91000"
    page.keyboard.press("ArrowRight")
    assert "UCS-2" in preview.locator("[data-size]").inner_text()
    assert preview.locator(".mock-sms mark").first.inner_text() == "\u2019"
    assert "right single quotation mark" in preview.locator("[data-costly]").inner_text()
    page.keyboard.press("End")
    mail = preview.frame_locator("iframe:not(.is-coming)")
    mail.get_by_text("eSewa \u2019 <b>").first.wait_for()
    assert preview.locator("iframe").last.get_attribute("sandbox") == ""
    for label in ("Phone", "Text part"):
        preview.locator(".preview__width", has_text=label).click()
    assert "eSewa" in preview.locator(".mock-mail__text").inner_text()

    preview.get_by_text("Conditions").click()
    text = preview.locator(".fork", has_text="E-mail text")
    assert "Takes this" in text.locator(".fork__side").first.inner_text()
    text.get_by_role("button", name="Show it everywhere").click()
    preview.locator(".mock-mail__text", has_text=re.compile(r"^Thank you!")).wait_for()
    preview.get_by_role("button", name="Back to what this person gets").click()
    preview.locator(".mock-mail__text", has_text=person).wait_for()

    preview.get_by_text("The whole audience").click()
    preview.get_by_role("button", name="Look through the audience").click()
    preview.get_by_text(re.compile(r"^All \d+ people\. It fails for none of them\.$")).wait_for()
    assert preview.locator(".extreme", has_text="Longest").count() >= 1

    preview.get_by_text("Send a test", exact=True).click()
    preview.get_by_text("no phone number yet").wait_for()
    preview.get_by_role("button", name="Send the test").click()
    preview.get_by_text("The test has gone out.").wait_for()
    preview.get_by_role("link", name="You: E-mail").click()
    assert "Test send" in page.locator("main").inner_text()


def test_a_mistake_in_an_unsaved_text_is_told_with_its_place_on_a_phone(open_page: Open) -> None:
    page = open_page(360)
    page.goto("/admin/templates/new/")
    page.get_by_label("Title").fill("Storm over {{ city }}")
    preview = page.locator("[data-preview]")
    preview.get_by_label("city").fill("Pokhara")
    page.get_by_role("tab", name="Push").click()
    preview.locator(".mock-push__title", has_text="Storm over Pokhara").wait_for()
    page.get_by_label("Title").fill("Storm over {{ city")
    preview.locator(".preview__fault:visible", has_text="Title, line 1").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
