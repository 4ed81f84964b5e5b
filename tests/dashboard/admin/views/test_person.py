"""One page per person: devices and their health, history, wishes, what they would get now, export, erasing."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from dashboard.admin.desk import person as desk
from tasks.extensions import db
from tasks.models import Attempt, AuditEntry, Device, OptOut, Recipient
from tasks.models.types import utcnow
from tasks.models.words import IN_APP, PUSH, SENT
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, words
from tests.dashboard.admin.story import delivery, notification


@pytest.fixture
def asha(any_app: Flask) -> Recipient:
    """Somebody with two devices, twelve messages, and a rule that rings push and mail."""
    version = factories.template().current_version
    factories.rule(channels=["push", "email"])
    made = factories.person("asha", name="Asha", email="asha@example.test", tokens=["token-one-long", "token-two-long"])
    for number in range(12):
        message = notification(made, version.id, title=f"Message {number}")
        delivery(message, IN_APP, SENT)
        row = delivery(message, PUSH, SENT, tries=0)
    for device, outcome, words_ in ((made.devices[0], "sent", ""), (made.devices[1], "permanent", "UNREGISTERED token is dead")):
        db.session.add(Attempt(
            delivery_id=row.pk, number=1, provider="fcm", outcome=outcome, device_id=device.id, response=words_,
            started_at=utcnow() - timedelta(minutes=3), duration_ms=9,
        ))
    db.session.commit()
    return made


def page(browser: Browser, pk: int, **query: object) -> str:
    answer = browser.get("/admin/recipients/details/", id=pk, **query)
    assert answer.status_code == 200
    return words(answer.text)


def test_devices_tell_when_they_were_reached_and_what_went_wrong(any_app: Flask, asha: Recipient) -> None:
    ok, dead = (desk.devices_of(asha.id)[number] for number in (1, 0))
    assert (ok.ok_at is not None, ok.failed_at, dead.ok_at, dead.error) == (True, None, None, "UNREGISTERED token is dead")
    browser, pk, device = Browser(any_app, "editor"), asha.id, asha.devices[0].id

    assert "Last failed" in page(browser, pk)
    presses = (("0", False, "The device is off."), ("0", False, "It was off already."), ("1", True, "The device is on."))
    for on, state, said in presses:
        assert browser.post("/admin/devices/switch/", {"id": device, "on": on}).status_code == 302
        assert said in page(browser, pk)
        db.session.expire_all()
        assert db.session.get_one(Device, device).is_active is state
    assert db.session.query(AuditEntry).filter_by(object_type="device").count() == 2


def test_their_messages_are_paged_from_the_newest(any_app: Flask, asha: Recipient) -> None:
    browser, pk = Browser(any_app, "viewer"), asha.id
    first = desk.messages_of(pk, desk.keyset.Cursor())
    assert [row.title for row in first.rows] == [f"Message {number}" for number in range(11, 1, -1)]

    older = page(browser, pk, before=first.older)

    assert "Message 1 " in older
    assert "Message 0" in older
    assert "Message 2" not in older
    assert "Not online" in older


@pytest.mark.parametrize(("what", "said"), [
    ("type:payment_success", ["Push", "E-mail", "The rule of payment_success does not ring this channel."]),
    ("template:payment_success", ["No provider is configured: the simulator takes it"]),
    ("template:nothing", ["There is nothing in use by that name."]), ("nonsense", ["There is nothing in use by that name."]),
])
def test_what_they_would_get_now_is_said_with_its_reason(any_app: Flask, asha: Recipient, what: str, said: list[str]) -> None:
    shown = page(Browser(any_app, "viewer"), asha.id, what=what)

    assert [one for one in said if one not in shown] == []


def test_wishes_are_changed_by_what_was_ticked_and_heeded_at_once(any_app: Flask, asha: Recipient) -> None:
    browser, pk = Browser(any_app, "editor"), asha.id
    db.session.add(OptOut(recipient_id=pk, notification_type="payment_success", channel=PUSH))
    db.session.commit()
    form = {"id": pk, "was": ["push payment_success"], "out": ["email payment_success", "* otp", "fax x", "email", "push a\nb"]}

    browser.post("/admin/person/preferences/", form)
    browser.post("/admin/person/preferences/", form)

    rows = {(row.notification_type, row.channel) for row in db.session.query(OptOut)}
    assert rows == {("payment_success", "email"), ("otp", "*")}
    assert "The recipient opted out of this type on this channel." in page(browser, pk, what="type:payment_success")
    entry = db.session.query(AuditEntry).filter_by(action="opt out or in").one()
    assert entry.changes == {
        "otp, every channel": [False, True], "payment_success, email": [False, True], "payment_success, push": [True, False],
    }


def test_what_another_operator_ticked_meanwhile_stays(any_app: Flask, asha: Recipient) -> None:
    browser, pk = Browser(any_app, "editor"), asha.id
    browser.post("/admin/person/preferences/", {"id": pk, "out": ["sms payment_success"]})  # the page that both saw had nothing

    browser.post("/admin/person/preferences/", {"id": pk, "out": ["push payment_success"]})

    assert {row.channel for row in db.session.query(OptOut)} == {"sms", "push"}


def test_the_export_is_everything_as_json(any_app: Flask, asha: Recipient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.audience.export.PAGE", 5)
    browser, pk = Browser(any_app, "editor"), asha.id
    with browser.post("/admin/person/export/", {"id": pk}) as answer:
        found = json.loads(answer.text)

    assert (found["person"]["id"], found["person"]["email"]) == ("asha", "asha@example.test")
    assert {one["token"] for one in found["devices"]} == {"token-one-long", "token-two-long"}
    assert [one["title"] for one in found["messages"]] == [f"Message {number}" for number in range(12)]
    assert {one["outcome"] for one in found["messages"][-1]["deliveries"][1]["attempts"]} == {"sent", "permanent"}
    assert db.session.query(AuditEntry).filter_by(action="export", object_id=str(pk)).count() == 1


def test_erasing_asks_for_the_id_in_letters(any_app: Flask, asha: Recipient) -> None:
    browser, pk = Browser(any_app, "admin"), asha.id
    ask = "/admin/person/erase/"
    wrong = browser.post(ask, {"id": pk, "typed": "Asha"})
    assert (wrong.status_code, "This is not the person's id" in error_of(wrong.text, "typed")) == (422, True)
    assert "Type the person's id." in error_of(browser.post(ask, {"id": pk}).text, "typed")
    assert db.session.query(Recipient).filter_by(external_id="asha").count() == 1

    assert browser.post(ask, {"id": pk, "typed": "asha"}).status_code == 302

    shown = page(browser, pk)
    assert "Somebody who was erased" in shown
    assert "asha@" not in shown
    assert browser.get(ask, id=pk).status_code == browser.post("/admin/person/export/", {"id": pk}).status_code == 404
    entry = db.session.query(AuditEntry).filter_by(action="erase").one()
    assert (entry.actor, entry.object_id) == (browser.email, str(pk))


def test_names_are_found_by_their_beginning_however_many_begin_so(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.people(30)
    factories.person("maya", name="Maya Gurung")
    browser = Browser(any_app, "viewer")
    for most in (1_000, 5):
        monkeypatch.setattr("dashboard.admin.views.recipients.MOST_NAMED", most)
        assert "Maya Gurung" in words(browser.get("/admin/recipients/", find="maya g").text)
        many = words(browser.get("/admin/recipients/", find="person").text)
        assert "Person 29" in many
        assert "Maya" not in many


def test_mails_of_a_person_stay_masked_for_viewers(any_app: Flask, asha: Recipient) -> None:
    assert "asha@example.test" not in page(Browser(any_app, "viewer"), asha.id)
