"""Drafts tried with real sends before they are saved; versions compared, brought back, and seen with a past message."""

from collections.abc import Callable

import pytest

from tasks import broadcasts, notify, templates
from tasks.extensions import db
from tasks.models import AuditEntry, Template, TemplateVersion
from tasks.options import SendOptions
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words
from tests.dashboard.admin.views.test_templates import edit

LINES = "<mjml><mj-body><mj-section><mj-column><mj-text>{{ amount }}</mj-text></mj-column></mj-section></mj-body></mjml>"


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


@pytest.fixture
def sent(app: object) -> Template:
    """A template that three people were sent, one of them without a gateway."""
    template = factories.template(message="Through {{ gateway|default('us') }}.")
    for number, more in enumerate(({}, {"gateway": "eSewa"}, {"gateway": "eSewa"})):
        factories.person(str(number), name=f"Person {number}")
        notify(str(number), "payment_success", amount=number, **more)
    return template


def versions() -> int:
    return db.session.query(TemplateVersion).count()


def test_a_text_that_breaks_real_sends_is_saved_by_the_second_press_only(editor: Browser, sent: Template) -> None:
    first = edit(editor, sent, message="Through {{ gateway }}.")

    assert (first.status_code, versions()) == (422, 1)
    page = words(first.text)
    assert "1 of the last 3 sends would now fail. Look at the first one below. Nothing is saved yet" in page
    assert "The variable 'gateway' is missing" in page
    assert value_of(first.text, "message") == "Through {{ gateway }}."
    mark = value_of(first.text, "confirmed")

    other = edit(editor, sent, message="Through {{ gateway }}, {{ nobody }}.", confirmed=mark)
    assert (other.status_code, versions()) == (422, 1)  # the answer was for another text
    assert "3 of the last 3 sends would now fail" in words(other.text)

    assert edit(editor, sent, message="Through {{ gateway }}.", confirmed=mark).status_code == 302
    assert versions() == 2


def test_a_text_that_works_is_saved_at_once_and_says_what_it_was_tried_with(editor: Browser, sent: Template) -> None:
    answer = edit(editor, sent, message="Thank you.")

    assert answer.status_code == 302
    assert "Tried with the last 3 sends: all of them work." in editor.get(answer.headers["Location"]).text


def test_a_draft_is_tried_without_being_saved(editor: Browser, sent: Template) -> None:
    draft = {"title": "{{ amount }} {{ amuont|default('') }}", "message": "{{ gateway }}", "email_format": "html"}

    page = words(editor.post(f"/admin/templates/try/?id={sent.id}", draft).text)

    assert "1 of the last 3 sends would now fail." in page
    assert "Person 0" in page
    assert "No send ever gave amuont . Is it spelled right?" in page
    assert versions() == 1
    broken = words(editor.post(f"/admin/templates/try/?id={sent.id}", {**draft, "title": "{{"}).text)
    assert "It cannot be tried yet." in broken


def test_the_editor_is_told_what_a_draft_asks_for_and_where_it_is_wrong(editor: Browser, app: object) -> None:
    draft = {"title": "{{ amount }}", "message": "\n{{ recipient.country|nope }}", "email_html": "<mjml>", "email_format": "mjml"}
    told = editor.client.post("/admin/templates/check/", json=draft, headers={"X-CSRFToken": editor.token()}).json

    assert told["variables"] == ["amount"]
    assert [(one["part"], one["line"], one["column"]) for one in told["problems"]] == [("message", 2, 22), ("email_html", 1, 1)]
    assert editor.client.post("/admin/templates/check/", data="[1]", headers={"X-CSRFToken": editor.token()}).status_code == 415
    told = editor.client.post("/admin/templates/check/", json=[1], headers={"X-CSRFToken": editor.token()})
    assert (told.status_code, told.json["code"]) == (422, "invalid_json")


def test_every_part_that_is_wrong_says_so_at_once(editor: Browser) -> None:
    answer = edit(editor, factories.template(), message="{{", sms_text="{% if %}", email_html="<mj-text>", email_format="mjml")

    assert all(error_of(answer.text, name) for name in ("message", "sms_text", "email_html"))


def test_mjml_is_kept_as_it_was_written_and_sent_as_html(editor: Browser) -> None:
    template = factories.template()

    edit(editor, template, email_html=LINES, email_format="mjml")

    db.session.expire_all()
    assert template.current_version.written_html == LINES
    assert template.current_version.email_html.lower().startswith("<!doctype html>")
    page = editor.get(f"/admin/templates/edit/?id={template.id}").text
    assert value_of(page, "email_html") == LINES
    assert '<option selected value="mjml">' in page
    assert edit(editor, template).status_code == 302
    assert versions() == 2


def test_two_versions_are_compared_word_by_word(editor: Browser) -> None:
    template = factories.template(message="Hello <b>world</b>.")
    templates.save_version(template, title="T", message="Hello <b>moon</b>.", email_html=LINES, email_format="mjml", actor="x")
    db.session.commit()

    page = editor.get(f"/admin/templates/compare/?id={template.id}&old=1&new=2").text

    assert "<del>world</del>" in page
    assert "<ins>moon</ins>" in page
    assert "&lt;b&gt;" in page
    assert "Format of the HTML part" in page
    assert "Not a letter differs" in editor.get(f"/admin/templates/compare/?id={template.id}&old=2&new=2").text
    assert editor.get(f"/admin/templates/compare/?id={template.id}&old=1&new=9").status_code == 404


def test_a_version_is_brought_back_and_the_audit_says_by_whom(editor: Browser) -> None:
    template = factories.template(message="One.")
    templates.save_version(template, title="T", message="Two.", actor="x")
    db.session.commit()
    given = {"number": "1", "based_on": "2"}

    page = editor.post(f"/admin/templates/restore/?id={template.id}", given, follow_redirects=True).text

    assert "Brought back version 1 as version 3." in page
    db.session.expire_all()
    assert (template.current_version.number, template.current_version.message) == (3, "One.")
    entry = db.session.query(AuditEntry).one()
    assert (entry.actor, entry.action, entry.changes) == (editor.email, "restore", {"version": [2, 3], "texts_of": [None, 1]})
    again = editor.post(f"/admin/templates/restore/?id={template.id}", given, follow_redirects=True).text
    assert "editor@example.org saved version 3 meanwhile" in again
    assert versions() == 3


def test_an_old_version_that_breaks_real_sends_asks_before_it_comes_back(editor: Browser, sent: Template) -> None:
    broken = templates.save_version(sent, title="{{ long_gone }}", message="M", actor="x").number
    templates.save_version(sent, title="Fine", message="M", actor="x")
    db.session.commit()
    given = {"number": str(broken), "based_on": "3"}

    asked = editor.post(f"/admin/templates/restore/?id={sent.id}", given)

    assert (asked.status_code, versions()) == (409, 3)
    assert "3 of the last 3 sends would now fail" in words(asked.text)
    agreed = {**given, "agreed": value_of(asked.text, "agreed")}
    assert editor.post(f"/admin/templates/restore/?id={sent.id}", agreed).status_code == 302
    assert versions() == 4


def test_broadcasts_on_their_way_are_shown_with_their_version(editor: Browser) -> None:
    template = factories.template(message="One.")
    factories.people(2)
    pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
    templates.save_version(template, title="T", message="Two.", actor="x")
    db.session.commit()

    for page in ("versions/?id={}", "versions/?id={}&number=1", "edit/?id={}"):
        assert f"#{pk} Queued" in words(editor.get("/admin/templates/" + page.format(template.id)).text)
    assert f"#{pk}" not in words(editor.get(f"/admin/templates/versions/?id={template.id}&number=2").text)


def test_a_past_message_is_written_with_another_version(editor: Browser, sent: Template) -> None:
    message = "By {{ gateway|default('us') }}, {{ recipient.name }}."
    templates.save_version(sent, title="Payment of ₹{{ amount }}", message=message, actor="x")
    db.session.commit()
    pk = factories.notifications()[1].pk

    page = words(editor.get("/admin/templates/message/", id=pk).text)

    assert "This message with version 2" in page
    assert "before: Through eSewa." in page.replace(" .", ".")
    assert "after: By eSewa, Person 1." in page.replace(" .", ".").replace(" ,", ",")
    assert "It was sent from this version" in editor.get("/admin/templates/message/", id=pk, number=1).text
    templates.save_version(sent, title="Payment of ₹{{ amount }}", message="Through eSewa.", actor="x")
    db.session.commit()
    assert "letter by letter" in editor.get("/admin/templates/message/", id=pk, number=3).text
