"""The dashboard in a real browser: by mouse, by keyboard, on a phone, under the strict policy."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import EMAIL

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
LISTS = (
    "Home", "New broadcast", "All broadcasts", "Templates", "Rules", "Recipients", "Devices", "Segments", "Notifications",
    "Delivery log", "API keys", "Operators", "Audit",
)
PAYLOAD = "<img src=x onerror='window.__x=1'><script>window.__x=1</script>"


def heading(page: Any) -> str:
    return str(page.locator("h1").inner_text())


def test_every_page_of_the_menu_opens(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/")
    assert heading(page) == "Today"
    for name in LISTS:
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()
        assert page.locator("[aria-current=page]").inner_text() == name
        assert page.locator("h1").count() == 1
    page.get_by_role("link", name="admin", exact=False).first.click()


def test_the_demo_is_alive_on_every_channel(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/")

    for channel in ("In-app", "Push", "SMS", "E-mail"):
        tile = page.locator(".tile", has_text=channel)
        assert int(tile.locator(".tile__figure").inner_text().replace(",", "")) > 0
    assert page.get_by_text("No worker is alive").count() == 0


def test_a_template_is_written_and_a_mistake_is_shown_beside_its_field(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/templates/new/")
    page.get_by_role("textbox", name="Name").fill("Storm warning")
    page.get_by_label("Slug").fill("storm_warning")
    page.get_by_label("Notification type").fill("storm_warning")
    page.get_by_label("Title").fill("Storm over {{ city }}")
    page.get_by_label("Message").fill("Stay at home, {{ recipient.name")
    page.get_by_role("button", name="Create template").click()

    message = page.get_by_label("Message")
    assert message.get_attribute("aria-invalid") == "true"
    assert message.evaluate("field => field === document.activeElement")
    assert page.get_by_label("Title").input_value() == "Storm over {{ city }}"

    message.fill("Stay at home, {{ recipient.name }}.")
    page.get_by_role("button", name="Create template").click()
    page.get_by_text("as version 1").wait_for()
    assert page.locator("[data-variables] .chip", has_text="city").is_visible()


@pytest.mark.long
def test_a_broadcast_is_composed_looked_at_sent_and_watched(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/compose/")
    page.get_by_role("combobox", name="Template").select_option("special_offer")
    for name, text in (("offer_title", "Dashain: 20% off"), ("offer_code", "DASHAIN20"), ("expiry_date", "30 November")):
        page.locator(f"[name=var-{name}]").fill(text)
    page.get_by_text("A segment", exact=True).click()
    page.get_by_label("Segment", exact=True).select_option("vip")
    page.get_by_text(re.compile(r"\d+ people now")).wait_for()
    page.get_by_label("At most").fill("180")
    page.get_by_role("button", name="Review").click()

    assert page.get_by_text("Dashain: 20% off").first.is_visible()
    assert re.search(r"to [\d,]+ people\?", heading(page))
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "/broadcasts/progress/" in request.url else None)
    page.get_by_role("button", name=re.compile("Send to")).click()
    page.wait_for_url("**/broadcasts/details/**")
    page.get_by_text("Live", exact=True).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text(f"Paused by {EMAIL}").wait_for()
    page.get_by_text("Live", exact=True).wait_for()
    page.get_by_role("button", name="Cancel broadcast").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Keep it").evaluate("one => one === document.activeElement")
    page.keyboard.press("Escape")

    apart = open_page()
    apart.route_web_socket(re.compile("/socket.io/"), lambda socket: socket.close())
    apart.goto(page.url)
    apart.get_by_text("Refreshes every few seconds: no live connection").wait_for()
    page.get_by_role("button", name="Resume").click()
    apart.get_by_text("Paused", exact=True).wait_for(state="detached")
    apart.close()
    page.get_by_text("Completed").wait_for(timeout=25_000)
    page.get_by_text("Went out", exact=True).wait_for()
    assert page.locator("[data-percent]").inner_text() == "100%"
    assert polls == []  # every figure came over the socket


def test_the_trash_asks_before_it_deletes(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/rules/new/")
    page.get_by_label("Notification type").fill("to_be_deleted")
    page.get_by_role("button", name="Save rule").click()
    trash = page.get_by_role("button", name="Delete to_be_deleted")

    trash.click()
    assert page.get_by_role("dialog").get_by_role("button", name="Cancel").evaluate("one => one === document.activeElement")
    page.keyboard.press("Escape")
    page.reload()
    assert trash.count() == 1

    trash.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Deleted rule to_be_deleted.").wait_for()
    assert trash.count() == 0


@pytest.mark.parametrize("javascript", [True, False])
def test_nothing_that_is_typed_ever_runs(open_page: Open, javascript: bool) -> None:
    page = open_page(java_script_enabled=javascript)
    page.goto("/admin/recipients/new/")
    person = f"payload-{javascript}"
    page.locator("[name=external_id]").fill(person)
    page.locator("[name=name]").fill(PAYLOAD)
    page.get_by_role("button", name="Save").click()
    assert heading(page) == PAYLOAD
    page.goto(f"/admin/recipients/?find={person}")

    assert page.get_by_role("link", name=PAYLOAD, exact=True).is_visible()
    if javascript:
        assert page.evaluate("window.__x") is None


def test_a_phone_is_enough(open_page: Open) -> None:
    page = open_page(360, has_touch=True)
    page.goto("/admin/")
    menu = page.get_by_role("button", name="Menu")
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Delivery log").wait_for()
    page.keyboard.press("Escape")
    assert menu.evaluate("one => one === document.activeElement")

    for path in ("", "deliveries/", "deliveries/details/?id=1", "broadcasts/details/?id=1", "compose/", "templates/edit/?id=1",
                 "rules/", "recipients/", "segments/new/", "keys/", "audit/", "profile/"):
        page.goto(f"/admin/{path}")
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{path} scrolls sideways"


def test_colours_are_chosen_and_kept(open_page: Open) -> None:
    page = open_page(color_scheme="light")
    page.goto("/admin/")
    toggle = page.get_by_role("button", name="Colours")
    for _ in range(2):
        with page.expect_response("**/profile/theme/"):
            toggle.click()

    page.goto("/admin/rules/")

    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 21, 18)"


def test_the_keyboard_reaches_the_content_first(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/templates/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
