"""The safety catch in a real browser, by keyboard: typed count, approval by another person, undo, canary, report, the failed."""

import csv
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from dashboard import create_app
from dashboard.operators import add_operator
from tasks import database
from tasks.extensions import db
from tests import factories
from tests.e2e.conftest import PASSWORD, WATCH, Record, _note
from tests.peers.program import Program

pytestmark = pytest.mark.browser

SENDER, APPROVER = "asha@example.org", "bina@example.org"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[str, Path]]:
    """An installation with 60 people, three of whom bounce, two who may send, and a catch that is set low."""
    home = tmp_path_factory.mktemp("desk")
    shutil.copy(migrated_sqlite, home / "carillon.db")
    app = create_app(home=home, secret_key="a-test-secret-of-32-bytes-or-more")
    with app.app_context():
        factories.template("offer", title="Hello {{ recipient.name }}"), factories.rule("offer")
        factories.people(57)
        for number in range(3):
            factories.person(f"bad{number}", name=f"=bad{number}", email="bounce@example.test")
        for email in (SENDER, APPROVER):
            add_operator(email, PASSWORD, "sender")
        db.session.remove()
        database.close()
    catch = {"confirm_above": 20, "approve_above": 30, "undo_seconds": 60, "secret_key": "a-test-secret-of-32-bytes-or-more"}
    with Program(home, "up", "--port", "0", home=home, **catch) as program:
        yield program.url(), home / "carillon.db"


def signed_in(chromium: Any, url: str, email: str, record: Record) -> Any:
    context = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    context.add_init_script(WATCH)
    context.on("console", lambda message: _note(record, message))
    context.on("weberror", lambda error: record.errors.append(str(error.error)))
    page = context.new_page()
    page.goto("/admin/broadcasts/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/broadcasts/")
    return page


def test_a_large_send_is_typed_approved_and_taken_back_and_the_next_goes_by_its_canary(
    chromium: Any, desk: tuple[str, Path]
) -> None:
    url, file = desk
    record = Record()
    sender, approver = (signed_in(chromium, url, email, record) for email in (SENDER, APPROVER))

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
    approver.goto(sender.url)
    approver.get_by_role("button", name="Approve").click()
    approver.get_by_text("Starts in").wait_for()
    skip_the_seconds(file)
    approver.get_by_role("heading", name="Closing report").wait_for(timeout=30_000)
    assert approver.locator(".closing tfoot").inner_text().split() == ["Audience", "60", "60"]
    about = approver.locator("[data-part=about]").inner_text()
    assert "10 people first; it stops if more than 0% of them fail" in about
    with approver.expect_download() as download:
        approver.get_by_role("button", name="These people as CSV").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [row["name"] for row in rows] == ["'=bad0", "'=bad1", "'=bad2"]
    approver.get_by_role("link", name="To print").click()
    approver.get_by_role("heading", name="Everybody").wait_for()
    approver.set_viewport_size({"width": 360, "height": 800})
    assert not approver.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert record == Record()  # nothing broke the policy, nothing failed
    for page in (sender, approver):
        page.context.close()


def skip_the_seconds(file: Path) -> None:
    """As if a minute had passed: nobody has to wait for it here."""
    with closing(sqlite3.connect(file, timeout=20)) as connection, connection:
        connection.execute("UPDATE broadcasts SET undo_until = created_at WHERE state = 'queued'")


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
