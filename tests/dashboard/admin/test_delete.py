"""Nothing is deleted by one press."""

import pytest

from tasks.extensions import db
from tasks.models import AuditEntry, Device, Rule, Segment
from tests import factories
from tests.dashboard.admin.browsing import Browser, words


@pytest.fixture(params=["rules", "segments", "devices"])
def target(request: pytest.FixtureRequest, app) -> tuple[str, int, type]:
    factories.rule()
    factories.person(tokens=["a-token"])
    db.session.add(Segment(slug="s", name="S"))
    db.session.commit()
    model = {"rules": Rule, "segments": Segment, "devices": Device}[request.param]
    return f"/admin/{request.param}/", db.session.query(model).one().id, model


def test_the_button_asks_in_the_page_and_the_server_asks_again(admin: Browser, target: tuple[str, int, type]) -> None:
    path, pk, model = target
    page = admin.get(path).text
    assert 'data-confirm="Delete ' in page
    assert "onclick" not in page

    question = admin.post(f"{path}delete/", {"id": str(pk)})
    assert question.status_code == 200
    assert 'name="confirmed" value="yes"' in question.text
    assert db.session.query(model).count() == 1

    answer = admin.post(f"{path}delete/", {"id": str(pk), "confirmed": "yes"})
    assert answer.headers["Location"] == path
    assert db.session.query(model).count() == 0
    entry = db.session.query(AuditEntry).one()
    assert (entry.action, entry.object_id) == ("delete", str(pk))


def test_deleting_what_is_gone_is_no_error_of_ours(admin: Browser) -> None:
    assert admin.post("/admin/rules/delete/", {"id": "4711", "confirmed": "yes"}).status_code == 404
    assert "the address may be mistyped" in words(admin.post("/admin/rules/delete/", {"id": "4711"}).text).lower()
