"""The matrix: types by channels, changed in place, each change in the audit, and the second of two told who was first."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.extensions import db
from tasks.models import AuditEntry, Rule
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

JSON = {"Accept": "application/json"}


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


def press(browser: Browser, channel: str, rings: str, version: int, name: str = "otp") -> Any:
    fields = {"notification_type": name, "channel": channel, "rings": rings, "version": version, "csrf_token": browser.token()}
    return browser.client.post("/admin/rules/ring/", data=fields, headers=JSON)


def test_each_type_says_which_channels_ring(editor: Browser, browse: Callable[[str], Browser]) -> None:
    factories.rule("otp", ["sms"], mandatory=True, expires_after=600)
    factories.template("notice", "maintenance")

    page = editor.get("/admin/rules/").text

    assert page.count('aria-pressed="true"') == 1
    assert "maintenance 1 template · no rule: in-app only" in words(page)
    assert "mandatory expires after 10m" in words(page)
    assert "/admin/rules/new/?notification_type=maintenance" in page
    assert value_of(editor.get("/admin/rules/new/", notification_type="maintenance").text, "notification_type") == "maintenance"
    seen = browse("viewer").get("/admin/rules/").text
    assert "aria-pressed" not in seen
    assert "otp" in words(seen)


def test_a_cell_is_switched_and_the_audit_says_by_whom(editor: Browser) -> None:
    answer = press(editor, "sms", "yes", 0)

    assert answer.json["said"] == "SMS rings for otp."
    assert (answer.json["version"], answer.json["has_rule"]) == (1, True)
    assert answer.json["cells"]["sms"] == {"state": "on", "words": ""}
    assert press(editor, "sms", "no", 1).json["cells"]["sms"]["state"] == "off"
    made, changed = db.session.query(AuditEntry).order_by(AuditEntry.id)
    assert (made.action, made.actor, made.changes["channels"]) == ("create", editor.email, [None, ["sms"]])
    assert (changed.action, changed.changes) == ("update", {"channels": [["sms"], []]})


def test_of_two_the_second_is_told_who_was_first(editor: Browser, browse: Callable[[str], Browser]) -> None:
    press(browse("admin"), "sms", "yes", 0)

    answer = press(editor, "push", "yes", 0)

    assert answer.status_code == 409
    assert "admin@example.org changed this rule at" in answer.json["error"]
    assert (answer.json["version"], answer.json["cells"]["sms"]["state"]) == (1, "on")
    assert db.session.query(Rule).one().channels == ["sms"]


def test_without_scripts_the_form_does_the_same(editor: Browser) -> None:
    fields = {"notification_type": "otp", "channel": "email", "rings": "yes", "version": "0"}

    page = editor.post("/admin/rules/ring/", fields, follow_redirects=True).text

    assert "E-mail rings for otp." in page
    assert "changed this rule" in editor.post("/admin/rules/ring/", fields, follow_redirects=True).text


@pytest.mark.parametrize(("field", "value"), [
    ("channel", "pigeon"), ("channel", "in_app"), ("rings", "perhaps"), ("version", "x"), ("version", "-1"),
    ("notification_type", "Not One"), ("notification_type", ""),
])
def test_what_no_page_sends_is_refused(editor: Browser, field: str, value: str) -> None:
    good = {"notification_type": "otp", "channel": "sms", "rings": "yes", "version": "0", "csrf_token": editor.token()}

    answer = editor.client.post("/admin/rules/ring/", data={**good, field: value}, headers=JSON)

    assert answer.status_code in {409, 422}
    assert answer.json["error"]
    assert db.session.query(Rule).count() == 0


def test_the_form_is_refused_over_a_rule_that_changed_meanwhile(editor: Browser, browse: Callable[[str], Browser]) -> None:
    rule = factories.rule("otp", ["sms"])
    given = {"notification_type": "otp", "channels": ["email"], "priority": "5", "version": "1"}
    press(browse("admin"), "push", "yes", 1)

    answer = editor.post(f"/admin/rules/edit/?id={rule.id}", given)

    assert answer.status_code == 422
    assert "admin@example.org changed this rule" in error_of(answer.text, "notification_type")
    again = {**given, "version": value_of(answer.text, "version")}
    assert editor.post(f"/admin/rules/edit/?id={rule.id}", again).status_code == 302
    db.session.expire_all()
    assert rule.channels == ["email"]


def test_an_empty_matrix_teaches_and_a_search_without_a_find_says_so(editor: Browser) -> None:
    assert "No rules yet" in editor.get("/admin/rules/").text
    factories.rule("otp")
    assert "No type contains “zzz”" in editor.get("/admin/rules/", search="zzz").text
