"""The delivery log and the notifications: found by every filter, on both databases, with the whole story of each row."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from flask import Flask

from dashboard import pieces
from dashboard.admin.lists import exported
from dashboard.admin.views.deliveries import Deliveries
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Delivery, Notification, Recipient
from tasks.models.types import utcnow
from tasks.models.words import EMAIL, FAILED, IN_APP, PUSH, SENT, SKIPPED, UNKNOWN
from tests import factories
from tests.dashboard.admin.browsing import Browser, words
from tests.dashboard.admin.story import delivery, notification


@pytest.fixture
def log(any_app: Flask) -> Browser:
    """Four messages: Asha's payment three days ago and today, Bikram's code, and one in doubt."""
    asha, bikram = factories.person("asha", name="Asha"), factories.person("bikram", name="Bikram")
    payment = factories.template("payment_success").current_version
    otp = factories.template("otp_sms", title="Code", message="{{ otp }}").current_version
    for version in (payment, otp):
        version.created_at = utcnow() - timedelta(days=30)
    now, doubt = utcnow(), {"provider": "smtp", "reason": "in_doubt"}
    for person, version, title, at, channel, state, more in (
        (asha, payment, "Old payment", now - timedelta(days=3), EMAIL, SENT, {"provider": "smtp"}),
        (bikram, otp, "Your code", now - timedelta(days=2), PUSH, SKIPPED, {"reason": "no_device", "tries": 0}),
        (asha, payment, "A doubtful one", now - timedelta(days=1), EMAIL, UNKNOWN, doubt),
        (asha, payment, "New payment", now, PUSH, FAILED, {"provider": "simulator", "reason": "refused", "detail": "DEAD"}),
    ):
        message = notification(person, version.id, title=title, created_at=at)
        delivery(message, channel, state, created_at=at, **more)
        delivery(message, IN_APP, SENT, provider="socketio", created_at=at)
    db.session.commit()
    return Browser(any_app, "admin")


ALL = {"Old payment", "Your code", "A doubtful one", "New payment"}


def titles(browser: Browser, page: str, **query: str) -> set[str]:
    answer = browser.get(page, **query)
    assert answer.status_code == 200
    return {title for title in ALL if title in words(answer.text).partition("Newest first")[0]}


@pytest.mark.parametrize(("query", "found"), [
    ({"state": UNKNOWN}, {"A doubtful one"}), ({"channel": EMAIL}, {"Old payment", "A doubtful one"}),
    ({"reason": "no_device"}, {"Your code"}), ({"provider": "smtp"}, {"Old payment", "A doubtful one"}),
    ({"recipient": "bikram"}, {"Your code"}), ({"recipient": "nobody"}, set()),
    ({"template": "otp_sms"}, {"Your code"}), ({"template": "nothing"}, set()),
    ({"channel": EMAIL, "recipient": "asha", "state": SENT}, {"Old payment"}),
    ({"state": "no such state"}, ALL),
])
def test_the_log_is_filtered(log: Browser, query: dict[str, str], found: set[str]) -> None:
    page = "/admin/deliveries/"
    shown = titles(log, page, **query)

    assert shown == found


def test_the_log_is_bounded_by_local_times(log: Browser) -> None:
    now = utcnow() + timedelta(hours=5, minutes=45)  # the operator's zone is Asia/Kathmandu
    since, until = ((now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M") for days in (2.5, 0.5))

    for page in ("/admin/deliveries/", "/admin/notifications/"):
        assert titles(log, page, since=since) == ALL - {"Old payment"}
        assert titles(log, page, until=until) == ALL - {"New payment"}
        assert titles(log, page, since=since, until=until) == {"Your code", "A doubtful one"}
        assert titles(log, page, since="yesterday") == ALL
    assert "this is not a time" in log.get("/admin/deliveries/?since=yesterday").text


def test_notifications_are_filtered(log: Browser) -> None:
    assert titles(log, "/admin/notifications/", recipient="bikram") == {"Your code"}
    assert titles(log, "/admin/notifications/", template="payment_success") == ALL - {"Your code"}


def test_a_delivery_tells_its_story(log: Browser) -> None:
    row = db.session.query(Delivery).filter_by(state=FAILED).one()

    page = words(log.get(f"/admin/deliveries/details/?id={row.pk}").text)

    assert "Accepted" in page
    assert "Try 1 Permanent" in page
    assert "DEAD" in page
    assert "The provider refused it for good." in page
    assert "Simulated. No provider is configured for this channel" in page
    assert str(row.id) in page


def test_a_notification_links_its_channels(log: Browser) -> None:
    row = db.session.query(Notification).filter_by(own_title="A doubtful one").one()

    page = words(log.get(f"/admin/notifications/details/?id={row.pk}").text)

    assert "E-mail In doubt The provider It was handed over and the answer never came" in page
    assert "In-app Sent" in page


def test_the_log_is_paged_by_id(log: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deliveries, "page_size", 3)
    pks = [pk for (pk,) in db.session.query(Delivery.pk).order_by(Delivery.pk.desc())]

    first = log.get("/admin/deliveries/").text
    assert f"/admin/deliveries/?before={pks[2]}" in first
    second = log.get(f"/admin/deliveries/?before={pks[2]}").text
    assert f"/admin/deliveries/?after={pks[3]}" in second
    assert f"details/?id={pks[3]}" in second
    assert f"details/?id={pks[2]}&" not in second
    assert f"details/?id={pks[2]}" in log.get(f"/admin/deliveries/?after={pks[3]}").text
    assert log.get("/admin/deliveries/?before=nonsense&after=x").status_code == 200


@pytest.mark.parametrize(("query", "found"), [
    ({"recipient": "bik@example.test"}, {"Your code"}), ({"recipient": "BIK@example.test"}, {"Your code"}),
    ({"recipient": "+9779841000001"}, {"Your code"}), ({"type": "otp_sms"}, {"Your code"}), ({"type": "none"}, set()),
    ({"test": "1"}, {"A doubtful one"}), ({"test": "0"}, ALL - {"A doubtful one"}), ({"test": "x"}, ALL - {"A doubtful one"}),
    ({"reason": "in_doubt"}, {"A doubtful one"}), ({"reason": "refused"}, {"New payment"}), ({"state": FAILED}, {"New payment"}),
    ({"state": "queued"}, set()), ({"state": "sending"}, set()), ({"broadcast": "x"}, ALL), ({"broadcast": "999"}, set()),
    ({"recipient": "asha", "state": FAILED, "type": "payment_success", "channel": PUSH, "test": "0"}, {"New payment"}),
])
def test_the_log_is_found_by_everything_that_is_known(log: Browser, query: dict[str, str], found: set[str]) -> None:
    db.session.query(Recipient).filter_by(external_id="bikram").update({"email": "bik@example.test", "phone": "+9779841000001"})
    db.session.query(Notification).filter_by(own_title="A doubtful one").update({"is_test": True})
    db.session.commit()

    assert titles(log, "/admin/deliveries/", **query) == found
    if "state" not in query and "reason" not in query:
        assert titles(log, "/admin/notifications/", **query) == found


def test_a_broadcasts_rows_are_looked_for_where_they_were_written(log: Browser) -> None:
    message = db.session.query(Notification).filter_by(own_title="Your code").one()
    at = message.created_at
    made = Broadcast(
        template_version_id=message.template_version_id, audience="all", state="completed", created_at=at, expanded_at=at
    )
    db.session.add(made)
    db.session.flush()
    message.broadcast_id = made.pk
    db.session.query(Delivery).filter_by(notification_id=message.pk).update({"broadcast_id": made.pk})
    db.session.commit()

    for text in (str(made.pk), str(made.id)):
        for page in ("/admin/deliveries/", "/admin/notifications/"):
            assert titles(log, page, broadcast=text) == {"Your code"}


def test_what_the_filters_show_is_downloaded_whole(log: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "PAGE", 2)
    monkeypatch.setattr(pieces, "TOGETHER", 3)
    db.session.query(Notification).filter_by(own_title="Your code").update({"own_title": "=1+1"})
    db.session.commit()

    with log.post("/admin/deliveries/csv/") as answer:
        everything = list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))
    with log.post("/admin/deliveries/csv/?state=skipped&recipient=bikram") as answer:
        some = list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))

    pks = [row.id for row in db.session.query(Delivery).order_by(Delivery.pk.desc())]
    assert [row["delivery id"] for row in everything] == [str(pk) for pk in pks]
    assert [(row["title"], row["channel"], row["reason"], row["recipient"]) for row in some] == [
        ("'=1+1", "push", "no_device", "bikram"),
    ]
    kept = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert (kept.action, kept.changes) == ("export", {"state": [None, "skipped"], "recipient": [None, "…"]})
