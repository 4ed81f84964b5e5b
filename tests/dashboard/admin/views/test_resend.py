"""Send again, from a delivery's page and from a message's: shown first, done once, told to whoever comes second."""

import re

import pytest
from flask import Flask

from tasks import queue
from tasks.extensions import db
from tasks.models import AuditEntry, Delivery, Notification
from tasks.models.words import EMAIL, FAILED, IN_APP, QUEUED, SENT
from tests import factories
from tests.dashboard.admin.browsing import Browser, value_of, words
from tests.dashboard.admin.story import delivery, notification


@pytest.fixture
def sender(any_app: Flask) -> Browser:
    """A sender, and one message whose mail failed."""
    version = factories.template(email_html="<p>Bytes of {{ amount }}</p>").current_version
    message = notification(factories.person("asha", name="Asha", email="asha@example.test"), version.id)
    message.own_data = {"amount": 5}
    delivery(message, IN_APP, SENT, provider="socketio")
    delivery(message, EMAIL, FAILED, provider="smtp", reason="refused", detail="550 no such box")
    db.session.commit()
    return Browser(any_app, "sender")


def mail() -> Delivery:
    db.session.expire_all()
    return db.session.query(Delivery).filter_by(channel=EMAIL).order_by(Delivery.pk).first()


def test_a_failed_mail_goes_back_after_a_look_and_only_once(sender: Browser) -> None:
    row = mail()
    page = sender.get("/admin/resend/", id=row.pk).text
    assert "The same delivery goes back into the queue." in words(page)
    assert "as…@example.test" in page
    assert mail().state == FAILED, "looking changes nothing"

    form = {"id": row.pk, "round": value_of(page, "round"), "token": value_of(page, "token")}
    assert sender.post("/admin/resend/send/", form).status_code == 302
    assert mail().state == QUEUED
    sender.post("/admin/resend/send/", form)

    assert "It is still on its way" in words(sender.get("/admin/deliveries/details/", id=row.pk).text)
    assert db.session.query(AuditEntry).filter_by(action="resend").count() == 1
    assert "Sent again by hand" in words(sender.get("/admin/deliveries/details/", id=row.pk).text)
    queue.huey.storage.flush_queue()


def test_what_was_sent_goes_as_a_new_message_that_is_linked_both_ways(sender: Browser) -> None:
    row = mail()
    row.state, row.reason = SENT, ""
    db.session.commit()
    page = sender.get("/admin/resend/", id=row.pk).text
    assert "A new message is made" in words(page)
    form = {"id": row.pk, "round": row.round, "token": value_of(page, "token")}

    first = sender.post("/admin/resend/send/", form)
    second = sender.post("/admin/resend/send/", form)

    assert first.headers["Location"] == second.headers["Location"]
    made = db.session.query(Notification).filter(Notification.resent_from.is_not(None)).one()
    assert "Copy of an earlier message" in words(sender.get(first.headers["Location"]).text)
    old = words(sender.get("/admin/deliveries/details/", id=row.pk).text)
    assert "Sent again as a new message" in old
    its_message = sender.get("/admin/notifications/details/", id=row.notification_id).text
    assert f"/admin/notifications/details/?id={made.pk}" in its_message
    queue.huey.storage.flush_queue()


def test_a_message_is_sent_again_on_the_channels_that_are_ticked(sender: Browser) -> None:
    pk = mail().notification_id
    page = sender.get("/admin/resend/", message=pk, chosen="1", channel=["sms"]).text
    assert "The recipient has no phone number." in words(page)

    form = {"message": pk, "chosen": "1", "channel": [], "token": value_of(page, "token")}
    sender.post("/admin/resend/send/", form)

    made = db.session.query(Notification).filter_by(resent_from=pk).one()
    assert [one.channel for one in made.deliveries] == [IN_APP]


@pytest.mark.parametrize("query", [{}, {"id": "x"}, {"id": "999"}, {"message": "999"}])
def test_of_nothing_nothing_is_sent(sender: Browser, query: dict[str, str]) -> None:
    assert sender.get("/admin/resend/", **query).status_code == 404
    assert sender.post("/admin/resend/send/", query).status_code == 404


def test_the_page_of_a_mail_shows_its_very_bytes_in_a_frame_that_can_do_nothing(sender: Browser) -> None:
    row = mail()
    page = sender.get("/admin/deliveries/details/", id=row.pk).text
    (frame,) = re.findall(r"<iframe [^>]*>", page)
    assert " sandbox title=" in frame
    assert f'src="/admin/deliveries/html/?id={row.pk}"' in frame

    framed = sender.get("/admin/deliveries/html/", id=row.pk)
    assert framed.text == "<p>Bytes of 5</p>"
    assert framed.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"
