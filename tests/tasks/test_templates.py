"""Templates in the database: made, changed by versions, refused whole, previewed."""

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from tasks.errors import InvalidTemplate, MissingVariable
from tasks.extensions import db
from tasks.models import Template, TemplateVersion
from tasks.templates import Problem, create, preview, save_version, validate, variables

TEXTS = {"title": "Hi {{ recipient.name }}", "message": "You paid {{ amount }} by {{ gateway }}."}


def _count() -> int:
    return db.session.scalar(select(func.count()).select_from(TemplateVersion)) or 0


@pytest.fixture
def template(any_app: Flask) -> Template:
    """A saved template with one version."""
    made = create("payment_success", "Payment", "payment_success", actor="ann@example.com", **TEXTS)
    db.session.commit()
    return made


def test_a_new_template_has_its_first_version(template: Template) -> None:
    found = db.session.scalars(select(Template)).one()
    version = found.current_version
    assert version is not None
    assert (found.slug, found.name, found.notification_type) == ("payment_success", "Payment", "payment_success")
    assert (version.number, version.created_by, version.title, version.sms_text) == (1, "ann@example.com", TEXTS["title"], "")
    assert variables(version) == ["amount", "gateway"]


def test_a_change_makes_a_version_and_keeps_the_old_one(template: Template) -> None:
    version = save_version(template, **{**TEXTS, "message": "Paid {{ amount }}."}, sms_text="Paid", actor="bob@example.com")
    db.session.commit()
    assert (version.number, template.current_version_id) == (2, version.id)
    assert [(old.number, old.message, old.created_by) for old in template.versions] == [
        (2, "Paid {{ amount }}.", "bob@example.com"), (1, TEXTS["message"], "ann@example.com"),
    ]


@pytest.mark.parametrize("texts", [TEXTS, {**TEXTS, "sms_text": ""}])
def test_no_change_makes_no_version(template: Template, texts: dict[str, str]) -> None:
    assert save_version(template, **texts, actor="bob@example.com").number == 1
    db.session.commit()
    assert _count() == 1


def test_line_ends_of_browsers_are_no_change(template: Template) -> None:
    first = save_version(template, **{**TEXTS, "message": "a\nb"}, actor="x")
    assert save_version(template, **{**TEXTS, "message": "a\r\nb"}, actor="x") is first


def test_another_type_is_a_change(template: Template) -> None:
    template.notification_type = "payments"
    version = save_version(template, **TEXTS, actor="x")
    assert (version.number, version.notification_type) == (2, "payments")
    assert template.versions[-1].notification_type == "payment_success"


def test_a_refused_change_writes_nothing(template: Template) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        save_version(template, **TEXTS, email_html="<p>\n {{ name.upper() }}</p>", actor="x")
    assert (caught.value.field, caught.value.extra) == ("email_html", {"line": 2, "column": 10})
    db.session.commit()
    assert _count() == 1


def test_fields_changed_with_the_texts_are_kept(template: Template) -> None:
    template.name = "Paid"
    save_version(template, **{**TEXTS, "title": "x"}, actor="x")
    db.session.commit()
    assert db.session.scalars(select(Template.name)).one() == "Paid"


def test_two_who_save_at_once_get_two_numbers(any_app: Flask, template: Template) -> None:
    number, errors, gate = template.id, [], threading.Barrier(4)

    def save(text: str) -> None:
        with any_app.app_context():
            try:
                mine = db.session.get(Template, number)
                assert mine is not None
                db.session.rollback()
                gate.wait(10)
                save_version(mine, title="t", message=text, actor=text)
                db.session.commit()
            except Exception as error:  # told to the test below
                errors.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=save, args=(f"text {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(db.session.scalars(select(TemplateVersion.number))) == [1, 2, 3, 4, 5]
    db.session.refresh(template)
    assert template.current_version is not None
    assert template.current_version.number == 5


@pytest.mark.parametrize("slug", ["", "Upper", "-a", "a b", "a" * 65, "é", "a\n", "a/b", "_a"])
def test_what_cannot_be_a_slug(app: Flask, slug: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        create(slug, "n", "t", **TEXTS)
    assert caught.value.field == "slug"


@pytest.mark.parametrize(("changed", "field"), [
    ({"name": "  "}, "name"), ({"name": "n" * 201}, "name"), ({"notification_type": ""}, "notification_type"),
    ({"notification_type": "Two words"}, "notification_type"), ({"title": " "}, "title"), ({"message": ""}, "message"),
])
def test_what_a_template_needs(app: Flask, changed: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        create(**{"slug": "s", "name": "n", "notification_type": "t", **TEXTS, **changed})
    assert caught.value.field == field
    assert caught.value.remedy
    assert db.session.scalar(select(func.count()).select_from(Template)) == 0


def test_a_slug_is_taken_once(template: Template) -> None:
    with pytest.raises(InvalidTemplate, match="is taken") as caught:
        create("payment_success", "n", "t", **TEXTS)
    assert caught.value.field == "slug"


def test_all_problems_at_once() -> None:
    found = validate({"title": "", "message": "a\n{{ b", "sms_text": "{{ x|nope }}", "email_html": "<p>{{ fine }}</p>"})
    places = [(problem.part, problem.line, problem.column) for problem in found]
    assert places == [("title", 1, 1), ("message", 2, 1), ("sms_text", 1, 6)]
    assert all(problem.message and problem.remedy for problem in found)
    assert validate(TEXTS) == []
    assert isinstance(found[0], Problem)


def test_a_preview_is_what_is_sent(template: Template) -> None:
    person = {"name": "Ann <3", "attributes": {}}
    saved = preview(template.current_version, {"amount": 5, "gateway": "eSewa"}, person)
    assert saved == preview(TEXTS, {"amount": 5, "gateway": "eSewa"}, person)
    assert saved.title == "Hi Ann <3"
    assert "Hi Ann &lt;3" in saved.email_html
    with pytest.raises(MissingVariable, match="gateway"):
        preview(TEXTS, {"amount": 5}, person)
    with pytest.raises(InvalidTemplate):
        preview({**TEXTS, "sms_text": "{{"}, {}, person)


