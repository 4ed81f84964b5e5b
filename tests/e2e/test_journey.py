"""The whole way of a broadcast at the desk: composed, looked at, approved, sent, watched, reported, finished, proved.

The default run goes a shorter way to the same end, in test_safety.py.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

# What the page says of how far it is, noted whenever it changes; gone as soon as a page is loaded again.
LOOK_ON = """window.__far = new Set();
    new MutationObserver(() => window.__far.add(document.querySelector('[data-percent]')?.textContent ?? ''))
        .observe(document.body, {subtree: true, childList: true, characterData: true})"""


@pytest.mark.long
def test_a_broadcast_goes_its_whole_way(two: tuple[Any, Any], skip_the_seconds: Callable[[], None]) -> None:
    sender, approver = two
    approver.goto("/admin/")
    assert approver.get_by_role("heading", name="Broadcasts under way").count() == 0
    compose(sender)
    look_at_the_dry_run(sender)
    ask_for_approval(sender)
    notice(approver)
    approve(approver, sender.url)
    for page in two:
        page.evaluate(LOOK_ON)
    skip_the_seconds()
    for page in two:
        watch(page)
    assert outcome(sender) == {"Sent": 55, "Failed": 3, "Skipped": 2, "Audience": 60}

    broadcast = sender.url
    correct_an_address(sender, "=bad0")
    sender.goto(broadcast)
    finish(sender)
    assert outcome(sender) == {"Sent": 56, "Failed": 2, "Skipped": 2, "Audience": 60}
    prove(sender)


def compose(page: Any) -> None:
    """Write a message on the spot, for everybody, no faster than can be watched."""
    page.goto("/admin/compose/")
    page.get_by_text("Write it here").click()
    page.locator("#own_type").fill("offer")
    page.get_by_label("Title").fill("Hi {{ recipient.name }}")
    page.get_by_label("Message").fill("We are closed on {{ day }}.")
    page.get_by_role("button", name="Show the fields of its variables").click()
    page.get_by_label("day").fill("Sunday")
    page.locator("input[name=audience][value=all]").check()
    page.get_by_label("At most").fill("900")
    page.get_by_role("button", name="Review").click()


def look_at_the_dry_run(page: Any) -> None:
    """The review says whom it would reach, whom not and why, and how long it takes."""
    page.get_by_role("heading", name="to 60 people?").wait_for()
    figures = page.locator(".compose__figures")
    assert figures.inner_text().split("\n")[:4] == ["People", "60", "Messages outside the app", "58"]
    assert "until" in figures.inner_text()
    assert page.locator(".compose__channels li", has_text="E-mail").get_by_text("58 of 60").is_visible()
    assert page.get_by_role("row", name="The recipient has no e-mail address.").get_by_role("cell").last.inner_text() == "2"
    assert page.get_by_text("We are closed on Sunday.").first.is_visible()


def ask_for_approval(page: Any) -> None:
    """Whoever wrote it types the count, and cannot approve it."""
    page.locator("#typed_count").fill("60")
    page.get_by_role("button", name="Ask for approval").click()
    page.get_by_text("Waits for a second person", exact=True).wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0


def notice(page: Any) -> None:
    """Whoever comes back to the start page that stayed open sees there what waits, without loading it again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("heading", name="Broadcasts under way").wait_for()
    assert page.get_by_role("link", name="Hi … #1").is_visible()


def approve(page: Any, address: str) -> None:
    """The second person looks at it and says yes."""
    page.goto(address)
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Starts in").wait_for()


def watch(page: Any) -> None:
    """The page follows by itself, from the start over the way to the closing report."""
    page.get_by_role("heading", name="Closing report").wait_for(timeout=60_000)
    far = page.evaluate("[...window.__far]")
    assert [one for one in far if re.fullmatch(r"[1-9]\d?%", one)], far
    assert page.locator("[data-percent]").inner_text() == "100%"


def outcome(page: Any) -> dict[str, int]:
    """What became of the e-mails by the closing report, whose lines add up to its last one."""
    rows = [row.split("\t") for row in page.locator(".closing tr").all_inner_texts()]
    column = rows[0].index("E-mail")
    found = {row[0].strip(): int(row[column]) for row in rows[1:]}
    assert sum(found.values()) == 2 * found["Audience"], found
    page.get_by_text("On every channel it adds up to the audience of 60.").wait_for()
    return found


def correct_an_address(page: Any, person: str) -> None:
    """From what went wrong to the person, whose address had a mistake in it."""
    page.locator(".reasons").get_by_role("link", name=person).click()
    page.locator("main").get_by_role("link", name=person).first.click()
    page.get_by_role("link", name="Edit").first.click()
    page.get_by_label("E-mail").fill("put-right@example.test")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("put-right@example.test").wait_for()


def finish(page: Any) -> None:
    """Send again to those whom it did not reach, and to nobody else."""
    page.get_by_role("link", name="Finish the job").click()
    assert page.locator("[name=chosen]:checked").count() == 1  # what failed; who has no address is left out
    page.get_by_role("button", name="Send 3 again").click()
    page.get_by_text("Round 2: 3 deliveries").wait_for()
    page.get_by_role("heading", name="Closing report").wait_for(timeout=60_000)


def prove(page: Any) -> None:
    """The ledger's law holds, and its page says so by the same figures."""
    page.get_by_role("link", name="Proof", exact=True).click()
    page.get_by_text("Every clause holds.").wait_for()
    assert page.locator(".clauses li").count() > 5
    assert page.locator(".clauses .tick--broken").count() == 0
    page.get_by_role("heading", name="Its 120 rows").wait_for()
    together = page.get_by_role("region", name="Rows by channel and state").get_by_role("row", name="Together")
    assert together.inner_text().split() == ["Together", "60", "60"]
