"""The template editor and the matrix of the rules in a real browser: by mouse, by keyboard, on a phone, under the policy."""

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


def test_a_template_is_written_checked_tried_saved_and_brought_back(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/templates/")
    page.get_by_role("link", name="Payment received").click()
    page.locator(".cm-content").first.wait_for()  # the editor has taken the place of the plain field
    message = page.get_by_role("textbox", name=re.compile("^Message"))
    before = message.inner_text()

    message.fill("Hi {{ recipient.name }},\n{% if amount > 3 %}{{ gateway|nope }}{% endif %}")
    page.locator("#message-live", has_text="Line 2, column 31: there is no filter 'nope'").wait_for()
    assert page.locator(".cm-lint-marker-error").count() == 1
    assert message.get_attribute("aria-invalid") == "true"
    message.fill("Hi {{ recipient.name }}, {{ gatway }}")
    variables = page.locator("[data-variables]")
    variables.get_by_text("gatway").wait_for()
    assert message.get_attribute("aria-invalid") == "false"
    assert page.locator(".tok-variableName").count() > 0

    message.focus()
    page.keyboard.press("Tab")  # leads out: the editor is no trap
    assert not message.evaluate("field => field === document.activeElement")

    page.get_by_role("button", name="Check against real sends").click()
    report = page.locator("[data-report]")
    report.get_by_text(re.compile("sends would now fail")).wait_for()
    assert "No send ever gave gatway" in report.inner_text()
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("alert").get_by_text(re.compile("Nothing is saved yet")).wait_for()
    page.get_by_role("button", name="Save all the same").click()
    page.get_by_text("version 2 is in use").wait_for()

    page.get_by_role("link", name="All, and compare").click()
    page.get_by_role("link", name="Compare version 1 with the one in use").click()
    assert page.locator(".diff ins", has_text="gatway").count() == 1
    page.get_by_role("button", name="Bring back version 1").click()
    page.get_by_role("row", name=re.compile("Version 3 In use")).wait_for()
    page.get_by_role("link", name="Payment received").click()
    assert page.get_by_role("textbox", name=re.compile("^Message")).inner_text() == before


def test_without_scripts_the_editor_is_a_form(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/admin/templates/new/")
    page.get_by_role("textbox", name="Name").fill("Plain")
    page.get_by_label("Slug").fill("plain")
    page.get_by_label("Notification type").fill("plain")
    page.get_by_label("Title").fill("Hello")
    page.get_by_label("Message").fill("There")
    page.get_by_role("button", name="Create template").click()

    assert page.get_by_text("version 1 is in use").count() == 1


def test_the_matrix_is_switched_by_keyboard_and_on_a_phone(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/rules/")
    push = page.get_by_role("button", name="Push for maintenance_notice")
    push.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.get_by_text("SMS rings for maintenance_notice.").wait_for()
    sms = page.get_by_role("button", name="SMS for maintenance_notice")
    assert sms.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Space")
    page.get_by_text("SMS does not ring for maintenance_notice any more.").wait_for()

    phone = open_page(360)
    phone.goto("/admin/rules/")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.get_by_role("button", name="Push for maintenance_notice").click()
    phone.get_by_text("Push rings for maintenance_notice.").wait_for()
    push.click()  # the first page does not know of it
    page.get_by_text(re.compile("changed this rule at .* Look at it as it is now")).wait_for()
    assert push.get_attribute("aria-pressed") == "true"
    push.click()
    page.get_by_text("Push does not ring for maintenance_notice any more.").wait_for()
