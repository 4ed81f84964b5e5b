"""Templates: every save a version, every error beside its field."""

from collections.abc import Callable

import pytest

from tasks.extensions import db
from tasks.models import AuditEntry, Template, TemplateVersion
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

NEW = {
    "name": "Payment received", "slug": "payment_success", "notification_type": "payment_success", "is_active": "y",
    "title": "Payment of ₹{{ amount }}", "message": "Through {{ gateway }}.",
}


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


def edit(browser: Browser, template: Template, **fields: str):
    page = browser.get(f"/admin/templates/edit/?id={template.id}").text
    kept = {name: value_of(page, name) for name in (*NEW, "based_on", "sms_text", "email_html") if name != "is_active"}
    kept["email_format"] = template.current_version.email_format
    return browser.post(f"/admin/templates/edit/?id={template.id}", {**kept, "is_active": "y", **fields})


def test_a_new_template_gets_its_first_version_and_an_audit_entry(editor: Browser) -> None:
    answer = editor.post("/admin/templates/new/", NEW)

    made = db.session.query(Template).one()
    assert answer.headers["Location"].endswith(f"/admin/templates/edit/?id={made.id}")
    assert (made.current_version.number, made.current_version.message) == (1, "Through {{ gateway }}.")
    entry = db.session.query(AuditEntry).one()
    assert (entry.actor, entry.action, entry.object_type, entry.object_id) == (editor.email, "create", "template", str(made.id))
    assert entry.changes["slug"] == [None, "payment_success"]


def test_an_edit_makes_a_version_and_leaves_the_old_one(editor: Browser) -> None:
    template = factories.template(message="First.")

    edit(editor, template, message="Second.")

    texts = [row.message for row in db.session.query(TemplateVersion).order_by(TemplateVersion.number)]
    assert texts == ["First.", "Second."]
    assert db.session.query(AuditEntry).one().changes == {"version": [1, 2]}
    page = editor.get(f"/admin/templates/versions/?id={template.id}&number=1").text
    assert "First." in page


def test_saving_without_a_change_makes_nothing(editor: Browser) -> None:
    template = factories.template()

    edit(editor, template)

    assert db.session.query(TemplateVersion).count() == 1
    assert db.session.query(AuditEntry).count() == 0


def test_a_text_that_the_sandbox_refuses_is_kept_with_its_error_beside_it(editor: Browser) -> None:
    template = factories.template()

    answer = edit(editor, template, message="{{ amount", title="Still here")

    assert answer.status_code == 422
    assert "line 1" in error_of(answer.text, "message")
    assert value_of(answer.text, "message") == "{{ amount"
    assert value_of(answer.text, "title") == "Still here"
    assert db.session.query(TemplateVersion).count() == 1


@pytest.mark.parametrize(("field", "value"), [("slug", "Not A Slug"), ("notification_type", "ÄÖ"), ("name", ""), ("title", "")])
def test_every_field_that_is_wrong_says_so(editor: Browser, field: str, value: str) -> None:
    answer = editor.post("/admin/templates/new/", {**NEW, field: value})

    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert db.session.query(Template).count() == 0


def test_a_slug_is_given_once(editor: Browser) -> None:
    factories.template()

    assert "taken" in error_of(editor.post("/admin/templates/new/", NEW).text, "slug")


def test_of_two_who_edit_the_second_hears_of_the_first(editor: Browser, browse: Callable[[str], Browser]) -> None:
    template = factories.template(message="First.")
    stale = {**NEW, "based_on": "1", "message": "Mine."}
    edit(browse("admin"), template, message="Theirs.")

    answer = editor.post(f"/admin/templates/edit/?id={template.id}", stale)

    assert answer.status_code == 422
    assert "admin@example.org saved version 2" in answer.text
    assert value_of(answer.text, "message") == "Mine."
    again = {**stale, "based_on": value_of(answer.text, "based_on")}
    assert editor.post(f"/admin/templates/edit/?id={template.id}", again).status_code == 302
    db.session.expire_all()
    assert template.current_version.message == "Mine."


def test_the_page_names_the_variables_that_a_send_must_give(editor: Browser) -> None:
    template = factories.template(title="{{ amount }} {{ recipient.name }}", message="{{ gateway }}")

    page = words(editor.get(f"/admin/templates/edit/?id={template.id}").text)

    assert "A send must give these: amount gateway Of the person" in page


def test_there_is_no_page_for_a_version_that_never_was(editor: Browser) -> None:
    template = factories.template()

    assert editor.get(f"/admin/templates/versions/?id={template.id}&number=7").status_code == 404
    assert editor.get("/admin/templates/edit/?id=4711").status_code == 404
    assert editor.get("/admin/templates/edit/?id=1 or 1=1").status_code == 404
