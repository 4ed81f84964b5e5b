"""Segments: by rule or by name, counted while they are written."""

import json
from collections.abc import Callable

import pytest

from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Segment, SegmentMember
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

RULE = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}
UNKNOWN_FIELD = {"combinator": "and", "rules": [{"field": "pin", "operator": "=", "value": 1}]}
NEW = {"name": "Nepal", "slug": "nepal", "kind": "rule", "definition": json.dumps(RULE)}


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


def ask(browser: Browser, what: str, **body: object):
    headers = {"X-CSRFToken": browser.token(), "Accept": "application/json"}
    return browser.client.post(f"/admin/segment-look/{what}", json=body, headers=headers).get_json()


def test_a_rule_is_kept_as_json(editor: Browser) -> None:
    assert editor.post("/admin/segments/new/", NEW).status_code == 302

    assert db.session.query(Segment).one().definition == RULE
    assert db.session.query(AuditEntry).one().changes["definition"] == [None, RULE]


@pytest.mark.parametrize(("fields", "field", "said"), [
    ({"definition": "{"}, "definition", "line 1"),
    ({"definition": "[]"}, "definition", "object"),
    ({"definition": ""}, "definition", "needs a definition"),
    ({"definition": json.dumps(UNKNOWN_FIELD)}, "definition", "/rules/0/field"),
    ({"slug": "all"}, "slug", "taken"),
    ({"slug": "No Slug"}, "slug", "cannot be"),
    ({"name": ""}, "name", "needed"),
])
def test_what_cannot_be_is_refused_beside_its_field_and_kept(
    editor: Browser, fields: dict[str, str], field: str, said: str
) -> None:
    answer = editor.post("/admin/segments/new/", {**NEW, **fields})

    assert answer.status_code == 422
    assert said in error_of(answer.text, field)
    assert value_of(answer.text, field) == fields[field]
    assert db.session.query(Segment).count() == 0


def test_people_are_added_to_a_list_and_taken_off_it(editor: Browser) -> None:
    factories.people(5)
    listed = {"name": "Beta", "slug": "beta", "kind": "list"}
    editor.post("/admin/segments/new/", {**listed, "add": "0\n 1 \n\n1\n3"})
    segment = db.session.query(Segment).one()
    assert segment.definition is None
    assert "3 people are on the list" in words(editor.get(f"/admin/segments/edit/?id={segment.id}").text)

    editor.post(f"/admin/segments/edit/?id={segment.id}", {**listed, "add": "0\n4", "remove": "1"})

    assert db.session.query(SegmentMember).count() == 3
    entries = [entry.changes for entry in db.session.query(AuditEntry).filter_by(action="members")]
    assert entries[1] == {"added": [None, 1], "removed": [None, 1], "members": [3, 3]}


def test_an_id_that_nobody_has_adds_nobody(editor: Browser) -> None:
    factories.people(2)

    answer = editor.post("/admin/segments/new/", {"name": "Beta", "slug": "beta", "kind": "list", "add": "0\nnobody\n1"})

    assert "Nobody is known by nobody" in error_of(answer.text, "add")
    assert db.session.query(Segment).count() == db.session.query(SegmentMember).count() == 0


def test_the_count_is_live_with_masked_people_and_says_what_is_wrong(editor: Browser) -> None:
    factories.person("1", country="NP", name="Ann", email="ann@example.org")
    factories.person("2", country="NP", is_active=False)
    factories.person("3", country="DE")

    found = ask(editor, "", definition=RULE)
    assert (found["counts"], found["about"], found["share"]) == ([1], [1], 1.0)
    (person,) = found["people"]
    assert (person["id"], person["name"]) == ("1", "Ann")
    assert "ann@" not in person["address"]
    wrong = ask(editor, "", definition=UNKNOWN_FIELD)
    assert wrong["field"] == "/rules/0/field"
    assert wrong["error"]
    assert ask(editor, "", definition={"rules": []})["error"]
    assert ask(editor, "", definition="x")["error"]


def test_a_change_is_shown_before_it_is_saved(editor: Browser) -> None:
    for number, country in enumerate(("NP", "NP", "DE")):
        factories.person(str(number), country=country)
    editor.post("/admin/segments/new/", NEW)
    segment = db.session.query(Segment).one()
    german = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "DE"}]}

    found = ask(editor, f"change/?id={segment.id}", definition=german)

    assert found["counts"] == [1, 2]
    assert [one["id"] for one in found["entering"]] == ["2"]
    assert {one["id"] for one in found["leaving"]} == {"0", "1"}
    assert ask(editor, "change/?id=999", definition=german)["status"] == 404
    assert ask(editor, f"overlap/?id={segment.id}", definition=german, days=30)["counts"] == [1, 0]
    assert ask(editor, "overlap/", definition=german, days=0)["field"] == "days"


def test_a_viewer_may_not_look_at_people_through_rules(browse: Callable[[str], Browser]) -> None:
    assert ask(browse("viewer"), "", definition=RULE)["code"] == "not_allowed"


def test_the_second_of_two_editors_is_told_who_was_first(editor: Browser, browse: Callable[[str], Browser]) -> None:
    editor.post("/admin/segments/new/", NEW)
    segment = db.session.query(Segment).one()
    address = f"/admin/segments/edit/?id={segment.id}"
    seen = value_of(editor.get(address).text, "seen")
    assert browse("admin").post(address, {**NEW, "name": "By admin", "seen": seen}).status_code == 302

    answer = editor.post(address, {**NEW, "name": "By editor", "seen": seen})

    assert answer.status_code == 422
    assert "admin@example.org saved it" in error_of(answer.text, "name")
    assert value_of(answer.text, "name") == "By editor"
    db.session.expire_all()
    assert segment.name == "By admin"


def test_broadcasts_that_use_it_are_shown_and_deleting_warns(editor: Browser) -> None:
    template = factories.template()
    editor.post("/admin/segments/new/", NEW)
    segment = db.session.query(Segment).one()
    without = {"include": "all", "exclude": ["nepal"]}
    for audience, state in (("nepal", "scheduled"), (without, "completed"), ("other", "scheduled")):
        db.session.add(Broadcast(template_version_id=template.current_version_id, audience=audience, state=state))
    db.session.commit()

    assert words(editor.get(f"/admin/segments/edit/?id={segment.id}").text).count("payment_success #") == 2
    asked = words(editor.post("/admin/segments/delete/", {"id": segment.id}).text)
    assert "In use now: payment_success #1." in asked


def test_a_list_becomes_a_rule_and_back(editor: Browser) -> None:
    editor.post("/admin/segments/new/", NEW)
    segment = db.session.query(Segment).one()

    editor.post(f"/admin/segments/edit/?id={segment.id}", {**NEW, "kind": "list"})

    db.session.expire_all()
    assert segment.definition is None
