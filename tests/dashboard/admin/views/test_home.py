"""The start page: what went out, what wants somebody, and how to begin."""

from datetime import timedelta

import pytest
from flask import Flask

from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Breaker, Process
from tasks.models.types import utcnow
from tasks.models.words import EMAIL, QUEUED, UNKNOWN
from tests import factories
from tests.dashboard.admin.browsing import Browser, words
from tests.dashboard.admin.story import delivery, notification, tell


@pytest.fixture
def worker(app: Flask) -> None:
    processes.register("worker")


def home(browser: Browser) -> str:
    return words(browser.get("/admin/").text)


def test_a_newcomer_is_told_how_to_begin(admin: Browser, worker: None) -> None:
    page = home(admin)

    assert "Ring the first bell" in page
    assert "curl -X POST http://127.0.0.1:5000/notify/" in page
    assert "Nothing needs you" in page
    assert "Push, SMS and E-mail are simulated" in page


def test_today_is_counted_by_channel_and_state(admin: Browser, worker: None) -> None:
    factories.template(), factories.person()
    tell()

    page = home(admin)

    assert "In-app socketio 1 Sent 1" in page
    assert "E-mail Simulated 1 Failed 1" in page
    assert "1 delivery failed today." in page
    assert "Payment of ₹5" in page


def test_yesterday_is_not_today(admin: Browser, worker: None) -> None:
    message = notification(factories.person(), factories.template().current_version.id, created_at=utcnow() - timedelta(days=2))
    delivery(message, EMAIL, UNKNOWN, created_at=utcnow() - timedelta(days=2))
    db.session.commit()

    assert "in doubt today" not in home(admin)


def test_no_worker_is_the_first_thing_said(admin: Browser) -> None:
    delivery(notification(factories.person(), factories.template().current_version.id), EMAIL, QUEUED, tries=0)
    db.session.commit()

    assert "No worker is alive. Messages are waiting for one." in home(admin)


def test_a_worker_that_fell_silent_is_not_alive(admin: Browser, worker: None) -> None:
    db.session.query(Process).one().heartbeat_at = utcnow() - timedelta(minutes=5)
    db.session.commit()

    assert "No worker is alive." in home(admin)


@pytest.mark.parametrize("settings", [{"smtp_url": "smtp://mail.example.org", "mail_from": "a@example.org"}])
def test_a_provider_that_is_down_is_named_with_its_words(admin: Browser, worker: None, settings: dict[str, str]) -> None:
    since = utcnow() - timedelta(minutes=4)
    db.session.add(Breaker(provider="smtp", failures=5, opened_at=since, last_error="Connection refused"))
    db.session.commit()

    assert "E-mail: mail.example.org is not answering since " in home(admin)
    assert "trying every 15 s; nothing is lost, it goes on by itself. It says: Connection refused" in home(admin)
    assert "E-mail smtp mail.example.org Not answering since" in home(admin)


def test_figures_are_kept_for_some_seconds(admin: Browser, worker: None) -> None:
    home(admin)
    factories.template(), factories.person()
    tell()

    assert "In-app socketio 0" in home(admin)


def test_the_first_steps_send_a_template_that_is_there(admin: Browser, worker: None) -> None:
    factories.template("storm", title="Storm over {{ city }}")

    assert '"template_name": "storm", "data": {"city": "..."}' in home(admin)
