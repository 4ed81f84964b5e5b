"""Whatever is typed into a form of the dashboard, none of it runs: not in the form, not in the lists, not on the pages behind."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import pages
from tests.e2e.payloads import payloads

pytestmark = pytest.mark.browser

COUNT_RUNS = "window.__runs = []; window.__ran = number => window.__runs.push(number);"
FORMS = (
    "/admin/recipients/new/", "/admin/segments/new/", "/admin/rules/new/", "/admin/templates/new/", "/admin/webhooks/new/",
    "/admin/operators/new/", "/admin/keys/new/", "/admin/compose/", "/admin/profile/",
)
LISTS = (
    "/admin/", "/admin/recipients/", "/admin/segments/", "/admin/rules/", "/admin/templates/", "/admin/webhooks/",
    "/admin/operators/", "/admin/keys/", "/admin/audit/", "/admin/deliveries/", "/admin/notifications/",
)
FILL = """([text, unique]) => { let seen = 0;
    for (const field of document.querySelectorAll("main input, main textarea")) {
        if (["hidden", "radio", "checkbox", "file", "datetime-local", "number", "password"].includes(field.type)) continue;
        field.value = ["external_id", "email"].includes(field.name) ? `${text}-${unique}` : text;
        field.dispatchEvent(new Event("input", { bubbles: true })); seen += 1;
    }
    const form = [...document.querySelectorAll("main form")].find(one => one.querySelector(".input"));
    form.noValidate = true;
    form.requestSubmit();
    return seen; }"""


@pytest.fixture
def page(chromium: Any, session: Any, url: str) -> Iterator[Any]:
    """A signed-in page that counts what runs. The policy may refuse here what the previews' locked frames are full of."""
    context = chromium.new_context(base_url=url, storage_state=session, viewport={"width": 1280, "height": 800})
    context.add_init_script(COUNT_RUNS)
    yield context.new_page()
    context.close()


def type_everywhere(page: Any, texts: list[str]) -> int:
    """Send every form with each text in all of its fields. Returns how many fields were filled."""
    filled = 0
    for number, text in enumerate(texts):
        for address in FORMS:
            page.goto(address)
            with page.expect_navigation(wait_until="load"):
                filled += page.evaluate(FILL, [text, str(number)])
            assert page.evaluate("window.__runs") == [], f"{address}: {text}"
    return filled


def nothing_ran(page: Any, addresses: tuple[str, ...], query: str = "") -> None:
    """Open pages and see that no text on them ran."""
    for address in addresses:
        answer = pages.open_(page, address + query)
        if answer is not None and pages.is_page(answer):
            assert page.evaluate("window.__runs") == [], address


def test_a_payload_in_every_field_runs_nowhere(page: Any) -> None:
    assert type_everywhere(page, [list(payloads())[9]]) > 20
    nothing_ran(page, LISTS)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_none_of_a_hundred_runs_anywhere(page: Any) -> None:
    assert type_everywhere(page, list(payloads())) > 2_000
    nothing_ran(page, (*LISTS, *pages.addresses()))
