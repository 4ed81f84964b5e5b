"""Test sends from the dashboard."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tasks import jobs
from tasks.extensions import db
from tasks.models import AuditEntry, Notification, Operator, Segment, SegmentMember
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

Browse = Callable[[str | None], Browser]
ASKED = {"template": "t", "audience": "all", "var-amount": "5", "test-channels": ["email", "sms"], "token": "one"}


@pytest.fixture
def sender(browse: Browse) -> Browser:
    factories.template("t", title="Hi {{ recipient.name }}", message="You owe {{ amount }}")
    factories.rule("t", channels=("sms", "email"))
    factories.person("1", name="Rina")
    return browse("sender")


def send(browser: Browser, status: int = 200, **fields: Any) -> Any:
    answer = browser.post("/admin/test/send/", {**ASKED, **fields})
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_to_oneself_with_what_became_of_it(sender: Browser) -> None:
    found = send(sender)
    assert found["refused"] == []
    states = {one["channel"]: (one["person"], one["label"], one["words"]) for one in found["sent"]}
    assert (states["In-app"][:2], states["E-mail"][:2]) == (("You", "Sent"), ("You", "Queued"))
    assert states["SMS"] == ("You", "Skipped", "The recipient has no phone number.")

    jobs.deliver_singles.call_local("email")
    ids = ",".join(one["id"] for one in found["sent"])
    after = sender.get("/admin/test/status/", ids=f"{ids},nonsense").get_json()
    email = next(after[one["id"]] for one in found["sent"] if one["channel"] == "E-mail")
    assert (email["label"], email["open"], email["simulated"]) == ("Sent", False, True)
    entry = db.session.query(AuditEntry).filter_by(action="test").one()
    assert (entry.actor, entry.changes["to"]) == ("sender@example.org", [None, "oneself"])
    assert db.session.query(Notification).one().title == "[Test] Hi Rina"  # read as the audience's first, sent to the operator


def test_a_second_press_is_the_first_one(sender: Browser) -> None:
    assert send(sender)["sent"] == send(sender)["sent"]
    assert db.session.query(Notification).count() == db.session.query(AuditEntry).filter_by(action="test").count() == 1


def test_the_log_and_the_message_say_that_it_was_a_test(sender: Browser, browse: Browse) -> None:
    send(sender)
    assert "Test send" in words(browse("admin").get("/admin/deliveries/").text)
    page = browse("admin").get("/admin/notifications/").text
    assert "Test send" in words(page)
    assert "it really went out" in page


def test_no_figure_of_the_start_page_counts_it(sender: Browser) -> None:
    send(sender)
    jobs.deliver_singles.call_local("email")
    figures = re.findall(r'tile__figure[^>]*>\s*([\d,]+)', sender.get("/admin/").text)
    assert figures
    assert set(figures) == {"0"}


def test_an_editors_unsaved_text(sender: Browser) -> None:
    text = {"title": "Draft {{ city }}", "message": "m", "preview-source": "editor", "slug": "t", "var-city": "Pokhara"}
    send(sender, **text)
    assert db.session.query(Notification).one().title == "[Test] Draft Pokhara"
    assert "saved" in send(sender, 422, **{**text, "slug": "", "template": ""})["error"]


def test_the_group(sender: Browser) -> None:
    assert "no test group" in send(sender, 422, **{"test-to": "group"})["error"]
    team = Segment(slug="team", name="Team")
    db.session.add(team)
    db.session.flush()
    db.session.add(SegmentMember(segment_id=team.id, recipient_id=1))
    db.session.commit()
    assert sender.post("/admin/profile/tests/", {"test_group": "team"}).status_code == 302
    to = sender.get("/admin/test/").get_json()
    assert (to["group"], to["count"], to["email"], to["simulated"]) == ("team", 1, "sender@example.org", ["push", "sms", "email"])
    found = send(sender, **{"test-to": "group", "token": "two"})
    assert {one["person"] for one in found["sent"]} == {"Rina"}


def test_what_is_missing_is_said(sender: Browser) -> None:
    assert "'amount' is missing" in send(sender, 422, **{"var-amount": ""})["error"]
    assert db.session.query(Notification).count() == 0


def test_the_profile_keeps_where_test_sends_go(sender: Browser) -> None:
    good = {"test_email": "Me@Example.org", "test_phone": "9841234567"}
    assert sender.post("/admin/profile/tests/", good).status_code == 302
    row = db.session.query(Operator).filter_by(email="sender@example.org").one()
    assert (row.test_email, row.test_phone) == ("Me@example.org", "+9779841234567")
    wrong = sender.post("/admin/profile/tests/", {"test_email": "nonsense", "test_phone": "12", "test_group": "none"})
    assert wrong.status_code == 422
    assert value_of(wrong.text, "test_email") == "nonsense"
    assert all(error_of(wrong.text, name) for name in ("test_email", "test_phone", "test_group"))


def test_editors_may_look_and_not_send(browse: Browse) -> None:
    assert browse("editor").post("/admin/test/send/", ASKED).status_code == 403
    assert "Test sends" not in words(browse("editor").get("/admin/profile/").text)
