"""The people on a static list: shown a page at a time, pasted with what is wrong in each line, and taken off."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from dashboard.admin.views import lists
from tasks.extensions import db
from tasks.models import AuditEntry, Recipient, Segment, SegmentMember
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words


@pytest.fixture
def beta(app) -> Segment:
    made = Segment(slug="beta", name="Beta")
    db.session.add(made)
    db.session.commit()
    return made


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


def members() -> set[int]:
    return set(db.session.scalars(select(SegmentMember.recipient_id)))


def pks(*ids: str) -> list[int]:
    return [db.session.query(Recipient).filter_by(external_id=one).one().id for one in ids]


def test_pasted_ids_are_added_once(editor: Browser, beta: Segment) -> None:
    factories.people(5)
    editor.post("/admin/lists/add/", {"id": beta.id, "ids": "0\n 2 \n\n2\n"})

    answer = editor.post("/admin/lists/add/", {"id": beta.id, "ids": "2\n4"})

    assert answer.status_code == 302
    page = words(editor.get(f"/admin/lists/?id={beta.id}").text)
    assert "3 people on this list" in page
    assert members() == set(pks("0", "2", "4"))
    assert [entry.changes["added"][1] for entry in db.session.query(AuditEntry).filter_by(action="members")] == [2, 1]


def test_lines_that_mean_nobody_are_named_and_nobody_is_added_unless_asked(editor: Browser, beta: Segment) -> None:
    factories.people(3)
    pasted = "0\nnobody\n1\n<b>x</b>"

    answer = editor.post("/admin/lists/add/", {"id": beta.id, "ids": pasted})

    assert answer.status_code == 422
    said = words(answer.text)
    assert "2 lines mean nobody" in said
    assert "Line 2 nobody" in said
    assert "Line 4 <b>x</b>" in said
    assert value_of(answer.text, "ids") == pasted
    assert members() == set()
    editor.post("/admin/lists/add/", {"id": beta.id, "ids": pasted, "rest": "yes"})
    assert members() == set(pks("0", "1"))


def test_nothing_pasted_is_said(editor: Browser, beta: Segment) -> None:
    assert "no id" in error_of(editor.post("/admin/lists/add/", {"id": beta.id, "ids": " \n"}).text, "ids")


def test_the_ticked_are_taken_off(editor: Browser, beta: Segment) -> None:
    factories.people(3)
    editor.post("/admin/lists/add/", {"id": beta.id, "ids": "0\n1\n2"})

    editor.post("/admin/lists/remove/", {"id": beta.id, "person": [*pks("1"), "x"]})

    assert members() == set(pks("0", "2"))


def test_a_long_list_is_paged_and_searched(editor: Browser, beta: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "SIZE", 2)
    factories.people(5)
    editor.post("/admin/lists/add/", {"id": beta.id, "ids": "0\n1\n2\n3\n4"})
    first = editor.get(f"/admin/lists/?id={beta.id}")
    assert "Person 1" in first.text
    assert "Person 2" not in first.text
    second = editor.get(f"/admin/lists/?id={beta.id}&after={pks('1')[0]}")
    assert "Person 2" in second.text
    assert "Person 1<" not in second.text
    assert "Person 4" in editor.get(f"/admin/lists/?id={beta.id}&find=4").text
    assert "Nobody on this list has that id" in editor.get(f"/admin/lists/?id={beta.id}&find=9").text


def test_a_viewer_sees_it_and_changes_nothing(browse: Callable[[str], Browser], beta: Segment) -> None:
    factories.people(1)
    viewer = browse("viewer")
    assert viewer.get(f"/admin/lists/?id={beta.id}").status_code == 200
    assert viewer.post("/admin/lists/add/", {"id": beta.id, "ids": "0"}).status_code == 403
    assert members() == set()


def test_a_rule_has_no_such_page(editor: Browser, beta: Segment) -> None:
    beta.definition = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}
    db.session.commit()
    assert editor.get(f"/admin/lists/?id={beta.id}").status_code == 404
    assert editor.get("/admin/lists/?id=x").status_code == 404
