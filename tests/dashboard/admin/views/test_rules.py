"""Rules: the matrix, and what a rule may say."""

from collections.abc import Callable

import pytest

from dashboard.admin.views import rules
from tasks.extensions import db
from tasks.models import AuditEntry, Rule
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

NEW = {"notification_type": "otp", "channels": ["sms", "push"], "mandatory": "y", "priority": "0", "on_unknown": "retry"}


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


def test_a_rule_is_written_as_it_was_filled_in(editor: Browser) -> None:
    answer = editor.post("/admin/rules/new/", {**NEW, "expires_after": "10m", "retry_delays": "20, 1m"})

    assert answer.status_code == 302
    made = db.session.query(Rule).one()
    assert (made.channels, made.mandatory, made.priority, made.on_unknown) == (["push", "sms"], True, 0, "retry")
    assert (made.expires_after, made.retry_delays) == (600, [20, 60])
    assert db.session.query(AuditEntry).one().object_type == "rule"


@pytest.mark.parametrize(("text", "kept"), [("", None), ("never", []), ("90", [90])])
def test_no_retries_and_the_usual_ones_are_two_things(editor: Browser, text: str, kept: list[int] | None) -> None:
    editor.post("/admin/rules/new/", {**NEW, "retry_delays": text})

    made = db.session.query(Rule).one()
    assert made.retry_delays == kept
    shown = value_of(editor.get(f"/admin/rules/edit/?id={made.id}").text, "retry_delays")
    again = editor.post(f"/admin/rules/edit/?id={made.id}", {**NEW, "retry_delays": shown, "version": "1"})
    assert again.status_code == 302
    db.session.expire_all()
    assert made.retry_delays == kept


@pytest.mark.parametrize(("field", "value"), [
    ("notification_type", "Not One"), ("expires_after", "soon"), ("expires_after", "31d"), ("retry_delays", "1, 2, x"),
    ("retry_delays", " ".join(["1"] * 11)), ("retry_delays", "2d"), ("priority", "12"), ("channels", ["pigeon"]),
])
def test_what_cannot_be_is_refused_beside_its_field(editor: Browser, field: str, value: object) -> None:
    answer = editor.post("/admin/rules/new/", {**NEW, field: value})

    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert db.session.query(Rule).count() == 0


def test_a_channel_may_wait_for_the_reader(editor: Browser) -> None:
    given = {**NEW, "escalate_sms": "30m", "offline_only": ["push"]}

    assert editor.post("/admin/rules/new/", given).status_code == 302

    made = db.session.query(Rule).one()
    assert (made.channels, made.escalate, made.offline_only) == (["push", "sms"], {"sms": 1800}, ["push"])
    form = editor.get(f"/admin/rules/edit/?id={made.id}").text
    assert (value_of(form, "escalate_sms"), value_of(form, "escalate_push")) == ("30m", "")
    page = words(editor.get("/admin/rules/").text)
    assert "sms if not read within 30m push only while not online" in page
    assert "Push if offline SMS after 30m E-mail" in page


@pytest.mark.parametrize(("field", "value"), [
    ("escalate_email", "30m"), ("escalate_sms", "soon"), ("escalate_sms", "59s"), ("escalate_sms", "31d"),
    ("escalate_sms", "10m"), ("offline_only", ["email"]), ("offline_only", ["pigeon"]),
])
def test_a_wait_that_cannot_be_is_refused(editor: Browser, field: str, value: object) -> None:
    answer = editor.post("/admin/rules/new/", {**NEW, "expires_after": "10m", field: value})

    assert answer.status_code == 422
    assert error_of(answer.text, field)


def test_a_type_has_one_rule(editor: Browser) -> None:
    factories.rule("otp")
    other = factories.rule("other")

    assert "has a rule already" in error_of(editor.post("/admin/rules/new/", NEW).text, "notification_type")
    answer = editor.post(f"/admin/rules/edit/?id={other.id}", {**NEW, "version": "1"})
    assert "has a rule already" in error_of(answer.text, "notification_type")


def test_of_two_who_save_the_same_at_once_the_second_is_told(editor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.rule("other")
    factories.rule("otp")
    other = db.session.query(Rule).filter_by(notification_type="other").one()
    monkeypatch.setattr(rules, "_refuse_second", lambda *_: None)  # as if the other rule had come after the check

    answer = editor.post(f"/admin/rules/edit/?id={other.id}", {**NEW, "version": "1"})

    assert answer.status_code == 422
    assert "Somebody saved the same just now" in error_of(answer.text, "notification_type")
