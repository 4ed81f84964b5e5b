"""Where a broadcast stands, in words: every state has its sentence, and what it waits for is named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tasks import control
from tasks.database import writing
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import Breaker, Broadcast, Recipient
from tasks.models.types import utcnow
from tasks.models.words import EMAIL, IN_APP, MISSED, PAUSED, QUEUED, RETRYING, SCHEDULED, SENDING, SENT
from tests import factories
from tests.dashboard.admin.browsing import Browser, words
from tests.dashboard.admin.story import delivery, notification


@pytest.fixture
def settings() -> dict[str, str]:
    return {"smtp_url": "smtp://mail.example.org", "mail_from": "a@example.org"}


@pytest.fixture
def page(app: Flask, browse: Callable[[str], Browser]) -> Callable[..., str]:
    """page(state, ...): the words of a broadcast's page in that state; one e-mail of it is open."""

    def show(state: str, open_as: str = QUEUED, **values: object) -> str:
        version = factories.template("offer").current_version
        factories.people(1)
        made = Broadcast(template_version_id=version.id, audience="all", state=state, created_by="asha@example.org", **values)
        db.session.add(made)
        db.session.flush()
        if made.started_at:
            made.audience_count = made.expanded_count = 1
            made.frozen_at = made.expanded_at = made.started_at
            person = db.session.query(Recipient).one()
            delivery(notification(person, version.id, broadcast_id=made.pk), EMAIL, open_as, broadcast_id=made.pk)
        db.session.commit()
        if made.started_at:
            with writing() as connection:
                counts.add(connection, 1, {(made.pk, IN_APP, SENT): 1})
        return words(browse("sender").get(f"/admin/broadcasts/details/?id={made.pk}").text)

    return show


def test_a_scheduled_one_says_when_here_and_there(page: Callable[..., str]) -> None:
    at = (utcnow() + timedelta(days=2)).replace(hour=8, minute=0, second=0, microsecond=0)

    shown = page(SCHEDULED, send_at=at, timezone="Africa/Lagos", window_start="07:00", window_end="19:00", rate_per_minute=600)

    assert "Waits for 09:00 on " in shown
    assert ", Africa/Lagos That is 13:45 on " in shown  # in Kathmandu
    assert "Window 07:00 to 19:00, Africa/Lagos" in shown
    assert "At most 600 a minute" in shown
    assert "Rate now" not in shown


def test_a_missed_one_asks_for_a_decision(page: Callable[..., str], browse: Callable[[str], Browser]) -> None:
    shown = page(MISSED, send_at=utcnow() - timedelta(hours=3))

    assert "Its time passed while the server was off" in shown
    assert "Nothing was sent. Send it now, or cancel it." in shown
    assert "Send now Cancel broadcast" in shown
    assert "offer #1 missed its time." in words(browse("viewer").get("/admin/").text)


def test_one_that_waits_for_its_window_says_until_when(page: Callable[..., str]) -> None:
    shown = page(
        SENDING, started_at=utcnow(), window_start="08:00", window_end="20:00", timezone="UTC",
        opens_at=utcnow() + timedelta(hours=2), closes_at=utcnow() + timedelta(hours=14),
    )

    assert "Waits for its window It goes on at " in shown
    assert ", UTC, in 1 hour. Messages go out from 08:00 to 20:00 only." in shown


def test_an_outage_is_said_with_its_host_and_goes_with_it(page: Callable[..., str], browse: Callable[[str], Browser]) -> None:
    db.session.add(Breaker(provider="smtp", failures=5, opened_at=utcnow(), last_error="Connection refused"))
    db.session.commit()

    shown = page(SENDING, started_at=utcnow())

    assert "Waits for E-mail" in shown
    assert "E-mail: mail.example.org is not answering since " in shown
    assert "nothing is lost, it goes on by itself. It says: Connection refused" in shown
    db.session.query(Breaker).delete()
    db.session.commit()
    assert "is not answering" not in browse("sender").get("/admin/broadcasts/details/?id=1").text


def test_one_that_only_waits_for_retries_says_so(page: Callable[..., str]) -> None:
    assert "Waits for retries" in page(SENDING, RETRYING, started_at=utcnow())


def test_one_that_paused_itself_says_why_and_stands_among_what_needs_somebody(
    page: Callable[..., str], browse: Callable[[str], Browser]
) -> None:
    page(SENDING, started_at=utcnow())
    control.pause(1, "auto-pause", reason="E-mail: 30 of 90 failed (33%).")

    shown = words(browse("sender").get("/admin/broadcasts/details/?id=1").text)
    assert "too much failed E-mail: 30 of 90 failed (33%). 1 delivery waits. Resume when it is mended" in shown
    assert "offer #1 paused itself. E-mail: 30 of 90 failed (33%)." in words(browse("viewer").get("/admin/").text)
    assert db.session.get(Broadcast, 1, populate_existing=True).state == PAUSED
