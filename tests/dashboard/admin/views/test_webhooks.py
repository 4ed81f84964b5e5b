"""Webhooks at the desk: a secret shown once, a test, a change of secrets, a call again, and one that switched itself off."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from tasks.database import writing
from tasks.extensions import db
from tasks.models import Webhook, WebhookCall
from tasks.models.types import db_clock, utcnow
from tasks.webhooks import calling
from tests.dashboard.admin.browsing import Browser
from tests.peers.web import Reply
from tests.peers.webhook_receiver import WebhookReceiver


@pytest.fixture
def settings(settings: dict[str, object]) -> dict[str, object]:
    return {**settings, "webhook_private": True}


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as found:
        yield found


@pytest.fixture
def page(admin: Browser, receiver: WebhookReceiver) -> str:
    """The page of a webhook made there, whose secret the receiver knows."""
    form = {"url": f"{receiver.url}/hook", "description": "The shop", "events": ["deliveries.updated"], "is_active": "y"}
    receiver.secrets.append(shown(admin.post("/admin/webhooks/new/", form).text))
    return f"/admin/webhooks/details/?id={the_one().id}"


def shown(text: str) -> str:
    return text.partition("data-secret>")[2].partition("<")[0]


def the_one() -> Webhook:
    db.session.expire_all()
    return db.session.query(Webhook).one()


def press(admin: Browser, action: str, **more: object) -> str:
    """Press a button of its page, let the worker call, and return the answer."""
    answer = admin.post(f"/admin/webhooks/{action}/", {"id": the_one().id, **more})
    assert answer.status_code < 400, answer.text
    calling.call_due(lambda: False)
    return answer.text


def test_its_secret_is_on_the_answer_alone_and_verifies_the_test(admin: Browser, receiver: WebhookReceiver, page: str) -> None:
    press(admin, "test")

    assert [event["type"] for event in receiver.events] == ["webhook.test"]
    for path in (page, "/admin/webhooks/", "/admin/audit/"):
        assert receiver.secrets[0] not in admin.get(path).text


def test_both_secrets_verify_after_a_change(admin: Browser, receiver: WebhookReceiver, page: str) -> None:
    receiver.secrets.append(shown(press(admin, "rotate")))

    press(admin, "test")

    assert len(set(receiver.secrets)) == 2
    assert (len(receiver.events), receiver.refused) == (1, 0)


def test_an_event_that_failed_is_called_again_with_its_id(admin: Browser, receiver: WebhookReceiver, page: str) -> None:
    receiver.reply = lambda call: Reply(500, b"no")
    press(admin, "test")
    call = db.session.query(WebhookCall).one()
    assert "Call again" not in admin.get(page).text, "it is tried again by itself"
    with writing() as connection:
        connection.execute(update(WebhookCall).values(state="failed", closed_at=db_clock()))
    receiver.reply = lambda call: Reply(204, b"")
    assert "Call again" in admin.get(page).text

    press(admin, "replay", call=call.id)

    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    db.session.expire_all()
    assert db.session.query(WebhookCall).one().state == "sent"


@pytest.mark.parametrize("call", ["", "x", "²", "-1", "9" * 17, "9" * 30])
def test_a_call_that_there_is_not_is_said_so(admin: Browser, receiver: WebhookReceiver, page: str, call: str) -> None:
    press(admin, "replay", call=call)

    assert "No such call" in admin.get(page).text
    assert receiver.ids == []


def test_one_that_switched_itself_off_says_why_and_goes_on_when_it_is_on_again(
    admin: Browser, receiver: WebhookReceiver, page: str
) -> None:
    receiver.reply = lambda call: Reply(500, b"no")
    with writing() as connection:
        connection.execute(update(Webhook).values(failing_since=utcnow() - timedelta(days=4)))
    press(admin, "test")
    assert the_one().is_active is False
    assert "No call got through for 3 days" in admin.get(page).text
    assert "is switched off" in admin.get("/admin/").text, "and the start page says so"
    receiver.reply = lambda call: Reply(204, b"")

    form = {"url": the_one().url, "events": ["deliveries.updated"], "is_active": "y"}
    assert admin.post(f"/admin/webhooks/edit/?id={the_one().id}", form).status_code < 400
    with writing() as connection:
        connection.execute(update(WebhookCall).values(next_attempt_at=db_clock(-1)))
    calling.call_due(lambda: False)

    assert (the_one().is_active, the_one().off_reason) == (True, "")
    assert len(receiver.events) == 2
