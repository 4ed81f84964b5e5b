"""The start page: what went out, what wants somebody, and how to begin."""

from datetime import timedelta

import pytest
from flask import Flask

from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Breaker, Broadcast, Process, Webhook
from tasks.models.types import utcnow
from tasks.models.words import AWAITING_APPROVAL, EMAIL, MISSED, PAUSED, QUEUED, SCHEDULED, UNKNOWN
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


def waiting_broadcast(state: str, **values) -> Broadcast:
    version = factories.template().current_version
    made = Broadcast(template_version_id=version.id, audience="all", audience_label="Everybody", state=state, **values)
    db.session.add(made)
    db.session.commit()
    return made


@pytest.mark.parametrize(("state", "values", "said"), [
    (PAUSED, {"pause_reason": "A third failed on push."}, "payment_success #1 paused itself. A third failed on push."),
    (MISSED, {}, "payment_success #1 missed its time."),
    (AWAITING_APPROVAL, {"created_by": "asha@example.org"}, "payment_success #1 waits for a second person."),
])
def test_a_broadcast_that_waits_for_somebody_is_named(
    admin: Browser, worker: None, state: str, values: dict, said: str
) -> None:
    waiting_broadcast(state, **values)

    assert said in home(admin)


def test_a_webhook_that_switched_itself_off_is_named(admin: Browser, worker: None) -> None:
    url = "https://shop.example.org/hook?token=secret"
    db.session.add(Webhook(url=url, is_active=False, off_reason="It answered 500 for 3 days."))
    db.session.commit()

    page = home(admin)

    assert "The webhook of shop.example.org is switched off. It answered 500 for 3 days." in page
    assert "token=secret" not in page


def test_the_next_ones_are_listed_the_soonest_first(admin: Browser, worker: None) -> None:
    soon = waiting_broadcast(SCHEDULED, send_at=utcnow() + timedelta(hours=2), timezone="Asia/Kathmandu")
    later = Broadcast(
        template_version_id=soon.template_version_id, audience="all", audience_label="Gold", state=SCHEDULED,
        send_at=utcnow() + timedelta(hours=1),
    )
    db.session.add(later)
    db.session.commit()

    page = home(admin)

    assert page.index("payment_success #2 Gold") < page.index("payment_success #1 Everybody")
