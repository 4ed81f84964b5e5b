"""Nobody is kept out: axe on every page in light and dark, nothing scrolls sideways on a phone, a broadcast by keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import pages

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
CALM = {"reduced_motion": "reduce"}
STEPS = 120  # presses of Tab after which a control is held to be out of reach


def look(page: Any, address: str) -> list[str]:
    """What axe says of a page in light and in dark, each with its address."""
    found = []
    for scheme in ("light", "dark"):
        pages.dress(page, scheme)
        found += [f"{address} ({scheme}): {one}" for one in pages.wrong(page, contrast_only=scheme == "dark")]
    return found


def test_axe_finds_nothing_serious_on_the_pages_of_every_day(open_page: Open) -> None:
    page, found = open_page(**CALM), []
    for address in pages.MAIN:
        page.goto(address)
        found += look(page, address)

    assert found == []


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_open_to_everybody_and_fits_a_phone(open_page: Open, width: int) -> None:
    page, found, seen = open_page(width, **CALM), [], 0
    for address in pages.addresses():
        answer = pages.open_(page, address)
        if answer is None or not pages.is_page(answer):
            continue
        seen += 1
        found += look(page, address)
        if pages.wide(page):
            found.append(f"{address} scrolls sideways at {width} px")

    assert found == []
    assert seen > 30


def reach(page: Any, locator: Any) -> None:
    """Press Tab until the control has the focus."""
    for _ in range(STEPS):
        if locator.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("Tab never leads there")


def test_single_keys_lead_everywhere_and_rest_while_one_types(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    dialog.get_by_text("Delivery log").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")

    for _ in range(10):  # on a busy machine the second key may come too late for the first
        page.keyboard.press("g")
        page.keyboard.press("t")
        page.wait_for_timeout(2_000)
        if page.url.endswith("/admin/templates/"):
            break
    page.wait_for_url("**/admin/templates/")
    page.keyboard.press("/")
    page.keyboard.type("gh?n")
    assert page.get_by_label("Search").input_value() == "gh?n"
    assert page.url.endswith("/admin/templates/")


def test_a_broadcast_is_composed_and_sent_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.goto("/admin/")
    page.keyboard.press("n")
    page.wait_for_url("**/admin/compose/")
    template = page.locator("#template")
    reach(page, template)
    page.keyboard.type("Special")
    page.locator("[name=var-offer_title]").wait_for()
    for name, text in (("offer_title", "By keyboard"), ("offer_code", "KEYS"), ("expiry_date", "30 November")):
        reach(page, page.locator(f"[name=var-{name}]"))
        page.keyboard.type(text)
    chosen = page.locator("input[name=audience]:checked")
    reach(page, chosen)
    segment = page.locator("input[name=audience][value=segment]")
    for _ in range(8):
        if segment.is_checked():
            break
        page.keyboard.press("ArrowDown")
    assert segment.is_checked()
    reach(page, page.locator("#segment"))
    page.keyboard.type("VIP")
    reach(page, page.get_by_role("button", name="Review"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/**")
    reach(page, page.get_by_role("button", name=re.compile("^Send")))
    page.keyboard.press("Enter")
    page.wait_for_url("**/broadcasts/details/**")
