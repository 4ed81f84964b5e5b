"""A real Chromium against `carillon up --demo`, and a record of everything the browser objected to."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dashboard import create_app, keys, tokens
from dashboard.operators import add_operator
from tasks import database
from tasks.extensions import db
from tests import factories
from tests.e2e.pages import WATCH
from tests.e2e.shop import Bell, Customer
from tests.peers.live_server import free_port
from tests.peers.program import Program

CHROMIUM = os.environ.get("CARILLON_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-dev-shm-usage",
)
EMAIL, PASSWORD = "asha@example.org", "correct horse battery"
SENDER, APPROVER = EMAIL, "bina@example.org"
SECRET = "a-test-secret-of-32-bytes-or-more"


@dataclass
class Record:
    """What the browser complained of, and which other hosts were asked."""

    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running installation with the demo's data."""
    folder = tmp_path_factory.mktemp("e2e")
    with Program(folder, "up", "--demo", "--port", "0", admin_email=EMAIL, admin_password=PASSWORD) as program:
        yield program.url()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """One browser for these tests, and gone with them: its driver keeps an event loop running. Skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None or not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: install one, or name it in CARILLON_TEST_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def session(chromium: Any, url: str) -> Any:
    """The cookies of an operator who signed in by hand."""
    context = chromium.new_context(base_url=url, locale="en-GB", timezone_id="Asia/Kathmandu")
    _enter(context.new_page(), "/admin/templates/", EMAIL)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(chromium: Any, session: Any, url: str) -> Iterator[Callable[..., Any]]:
    """open_page(width): a signed-in page. At the end nothing may have broken the policy, failed, or asked another host."""
    record, contexts = Record(), []

    def open_(width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, base_url=url, storage_state=session, locale="en-GB",
            timezone_id="Asia/Kathmandu", **options,
        )
        contexts.append(context)
        _listen(context, record)
        context.on("request", lambda request: request.url.startswith((url, "data:")) or record.strangers.append(request.url))
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()
    assert record == Record()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[str, Path]]:
    """An installation where two may send and the safety catch is set low: its address and its database.

    Of its 60 people 55 are well, three bounce and two have no e-mail address. Only e-mail rings for the type "offer".
    """
    home = tmp_path_factory.mktemp("desk")
    shutil.copy(migrated_sqlite, home / "carillon.db")
    app = create_app(home=home, secret_key=SECRET)
    with app.app_context():
        factories.template("offer", title="Hello {{ recipient.name }}"), factories.rule("offer")
        factories.people(55)
        for number in range(3):
            factories.person(f"bad{number}", name=f"=bad{number}", email="bounce@example.test")
        for number in range(2):
            factories.person(f"mute{number}", name=f"Mute {number}")
        for email in (SENDER, APPROVER):
            add_operator(email, PASSWORD, "sender")
        db.session.remove()
        database.close()
    catch = {"confirm_above": 20, "approve_above": 30, "undo_seconds": 60, "secret_key": SECRET}
    with Program(home, "up", "--port", "0", home=home, **catch) as program:
        yield program.url(), home / "carillon.db"


@pytest.fixture
def two(chromium: Any, desk: tuple[str, Path]) -> Iterator[tuple[Any, Any]]:
    """The pages of the two who may send at the desk. At the end nothing may have broken the policy or failed."""
    record, pages = Record(), []
    for email in (SENDER, APPROVER):
        context = chromium.new_context(base_url=desk[0], viewport={"width": 1280, "height": 800}, locale="en-GB")
        _listen(context, record)
        pages.append(context.new_page())
        _enter(pages[-1], "/admin/broadcasts/", email)
    yield pages[0], pages[1]
    for page in pages:
        page.context.close()
    assert record == Record()


@pytest.fixture
def skip_the_seconds(desk: tuple[str, Path]) -> Callable[[], None]:
    """As if the minute for taking back had passed: nobody has to wait for it here."""

    def skip() -> None:
        with closing(sqlite3.connect(desk[1], timeout=20)) as connection, connection:
            connection.execute("UPDATE broadcasts SET undo_until = created_at WHERE state = 'queued'")

    return skip


@pytest.fixture
def bell(app: Flask) -> Iterator[Bell]:
    """A server that is not started yet, a shop with its widget, and Maya."""
    port = free_port()
    key, plaintext = keys.create_key("shop", ["inbox", "send"], "test")
    factories.template("news", title="{{ title }}", message="About {{ title }}")
    people = {name: factories.person(name).id for name in ("maya", "ben")}
    db.session.commit()
    config, url = app.extensions["carillon.settings"], f"http://127.0.0.1:{port}"

    def token(who: str) -> str:
        with app.app_context():
            return tokens.issue(key, who, 600)[0]

    shop = Customer(url, token)
    given = {"home": config.home, "secret_key": config.secret(), "allowed_origins": shop.url.rstrip("/"), "base_url": url}
    yield Bell(url, port, plaintext, given, shop, people["maya"], token)
    shop.close()


def _enter(page: Any, address: str, email: str) -> None:
    """Go to an address as a stranger and sign in by keyboard."""
    page.goto(address)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}")


def _listen(context: Any, record: Record) -> None:
    """Note whatever the pages of a context object to."""
    context.add_init_script(WATCH)
    context.on("console", lambda message: _note(record, message))
    context.on("weberror", lambda error: record.errors.append(str(error.error)))


def _note(record: Record, message: Any) -> None:
    refused = any(code in message.text for code in ("409", "422"))  # a form that was refused is an answer, not a fault
    if message.type == "error" and not refused:
        (record.violations if "CSP" in message.text or "Content Security" in message.text else record.errors).append(message.text)
