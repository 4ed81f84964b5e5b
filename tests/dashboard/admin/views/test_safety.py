"""The safety catch at the desk: approving as a second person, taking back, and what the page says of either."""

import re
from collections.abc import Callable

import pytest
from flask import Flask, request
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from dashboard.admin.forms.safety import SafetyChoice
from tasks import broadcasts
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast
from tasks.options import Canary, SendOptions
from tests import factories
from tests.dashboard.admin.browsing import Browser, value_of, words


@pytest.fixture
def settings() -> dict[str, object]:
    return {"approve_above": 3, "undo_seconds": 30, "confirm_above": 4}


@pytest.fixture
def offer(app: Flask) -> None:
    factories.template("offer", title="Hello")
    factories.people(5)


def send(who: str = "sender@example.org", audience: object = "all", **options) -> int:
    kept = SendOptions(actor=who, owners=(who,), undo_seconds=30, **options)
    return broadcasts.create(audience, "offer", {"amount": 1}, kept)


def row(pk: int) -> Broadcast:
    return db.session.get(Broadcast, pk, populate_existing=True)


def page(browser: Browser, pk: int) -> str:
    return browser.get("/admin/broadcasts/details/", id=pk).text


def answer(browser: Browser, pk: int, what: str, word: str = ""):
    plan = value_of(page(browser, pk), "plan")
    return browser.post(f"/admin/approvals/{what}/", {"id": pk, "plan": plan, "word": word})


def test_another_person_approves_and_then_it_can_be_taken_back(offer: None, browse: Callable[[str], Browser]) -> None:
    pk, admin = send(), browse("admin")
    said = words(page(admin, pk))
    assert "Waits for a second person" in said
    assert "sender@example.org asks to send it to 5 people" in said
    assert "Cancel broadcast" in said

    place = answer(admin, pk, "approve", "Fine.").headers["Location"]
    said = admin.get(place).text
    assert row(pk).state == "queued"
    assert "Starts in" in words(said)
    assert re.search(r'data-undo-left="(2\d|30)', said)
    assert "Cancel broadcast" not in words(said)  # until then there is Undo

    admin.post("/admin/broadcasts/undo/", {"id": pk})
    assert (row(pk).state, "Taken back before anything was written." in words(page(admin, pk))) == ("cancelled", True)
    assert list(db.session.scalars(select(AuditEntry.action).where(AuditEntry.object_type == "broadcast"))) == ["approve", "undo"]


def test_ones_own_has_no_button_and_the_form_is_refused_too(offer: None, browse: Callable[[str], Browser]) -> None:
    pk, sender = send(), browse("sender")
    browse("admin")
    said = page(sender, pk)
    assert "You had a hand in it, so somebody else decides: admin@example.org." in words(said)
    assert 'action="/admin/approvals/' not in said

    sender.post("/admin/approvals/approve/", {"id": pk, "plan": row(pk).plan_hash})
    assert row(pk).state == "awaiting_approval"
    assert "somebody else has to approve it" in words(page(sender, pk))


def test_where_nobody_could_approve_that_is_said(offer: None, browse: Callable[[str], Browser]) -> None:
    assert "There is nobody who could approve it." in words(page(browse("sender"), send()))


def test_rejecting_wants_a_word_and_says_so_beside_it(offer: None, browse: Callable[[str], Browser]) -> None:
    pk, admin = send(), browse("admin")
    said = admin.get(answer(admin, pk, "reject").headers["Location"]).text
    assert 'id="error-word"' in said
    assert row(pk).state == "awaiting_approval"

    answer(admin, pk, "reject", "Wrong <b>price</b>")
    said = page(admin, pk)
    assert row(pk).state == "cancelled"
    assert "Rejected by admin@example.org" in words(said)
    assert "<b>price</b>" not in said


def test_what_moved_is_shown_and_asked_again(offer: None, browse: Callable[[str], Browser]) -> None:
    pk, admin, sender = send(), browse("admin"), browse("sender")
    factories.person("<i>new</i>")
    place = answer(admin, pk, "approve").headers["Location"]
    said = admin.get(place).text
    assert "The approval is void" in words(said)
    assert "People before: 5 now: 6: 1 (<i>new</i>) came in, 0 left" in words(said)
    assert "<i>new</i>" not in said

    sender.post("/admin/approvals/again/", {"id": pk})
    assert "asks to send it to 6 people" in words(page(admin, pk))
    answer(admin, pk, "approve")
    assert row(pk).state == "queued"


def test_who_comes_second_is_told_who_was_first(offer: None, browse: Callable[[str], Browser]) -> None:
    pk, admin = send(), browse("admin")
    plan = value_of(page(admin, pk), "plan")
    answer(admin, pk, "approve")
    place = admin.post("/admin/approvals/reject/", {"id": pk, "plan": plan, "word": "No."}).headers["Location"]
    assert "You approved it at" in words(admin.get(place).text)
    assert row(pk).state == "queued"


def test_a_list_of_what_waits(offer: None, browse: Callable[[str], Browser]) -> None:
    admin = browse("admin")
    assert "more than 3 people waits here" in words(admin.get("/admin/approvals/").text)
    send()
    assert "Look and decide" in words(admin.get("/admin/approvals/").text)
    assert "Somebody else decides" in words(browse("sender").get("/admin/approvals/").text)


def choice(**fields: str) -> SafetyChoice:
    return SafetyChoice.read(MultiDict(fields))


WRONG = (
    ({}, 5, "typed_count"), ({"typed_count": "4"}, 5, "typed_count"), ({"typed_count": "many"}, 5, "typed_count"),
    ({"canary": "5"}, 4, "canary"), ({"canary": "x"}, 4, "canary"), ({"canary": "0"}, 4, "canary"),
    ({"canary": "2", "canary_share": "150"}, 4, "canary_share"), ({"canary": "2", "canary_then": "7"}, 4, "canary_then"),
)


def test_what_is_wrong_with_the_catch_is_named(app: Flask) -> None:
    for fields, count, field in WRONG:
        with pytest.raises(CarillonError) as raised:
            choice(**fields).check(count)
        assert raised.value.field == field


def test_the_catch_becomes_options(app: Flask) -> None:
    choice(typed_count="5").check(5)
    choice(typed_count="").check(4)
    made = choice(canary="1,000", canary_share="5%", canary_then="ask").options(SendOptions(actor="a@example.org"))
    assert (made.canary, made.undo_seconds, made.owners) == (Canary(1_000, 0.05, None), 30.0, ("a@example.org",))


def test_its_fields_stand_in_the_form(app: Flask, offer: None) -> None:
    class Draft:
        errors = {"typed_count": "It goes to 5 people."}

    with app.test_request_context("/", method="POST", data={"typed_count": "<6>", "canary": "2"}):
        shown = app.jinja_env.get_template("admin/compose/safety.html").render(draft=Draft(), count=5, request=request)
    assert value_of(shown, "typed_count") == "<6>"
    assert "It goes to 5 people." in words(shown)
    assert "<details class=\"safety__canary\" open>" in shown
    assert "A second person has to approve it" in words(shown)

