"""The composer: a CSV file as the audience, people left out, a text written on the spot, and what moved before the press."""

from collections.abc import Callable
from io import BytesIO

import pytest
from sqlalchemy import select

from tasks import broadcasts, jobs
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, Recipient, Rule, Segment, SegmentMember, Template, TemplateVersion
from tasks.options import SendOptions
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

FILLED = {"template": "offer", "audience": "all", "var-code": "DASHAIN", "var-percent": "20"}
OWN = {
    "what": "own", "own_type": "offer", "audience": "all", "own_title": "Hi {{ recipient.name }}",
    "own_message": "It is {{ day }}.",
}


@pytest.fixture
def sender(browse: Callable[[str], Browser]) -> Browser:
    factories.template("offer", title="{{ percent }}% for {{ recipient.name }}", message="Use {{ code }}.")
    factories.rule("offer", ["sms"])
    factories.people(3, phone="+9779841234567")
    return browse("sender")


def review(browser: Browser, **fields: object):
    return browser.post("/admin/compose/review/", {**FILLED, **fields})


def press(browser: Browser, page: str, **fields: object):
    kept = {"token": value_of(page, "token"), "plan_hash": value_of(page, "plan_hash")}
    return browser.post("/admin/compose/send/", {**FILLED, **kept, **fields})


def members(slug: str) -> list[str]:
    ids = select(Recipient.external_id).join(SegmentMember, SegmentMember.recipient_id == Recipient.id).join(Segment)
    return list(db.session.scalars(ids.where(Segment.slug == slug).order_by(Recipient.id)))


def upload(browser: Browser, text: str, **fields: object):
    file = (BytesIO(text.encode()), "../guests (May).csv")
    return review(browser, audience="upload", people_file=file, **fields)


def test_the_figures_and_the_skips_stand_in_the_review(sender: Browser) -> None:
    factories.person("silent", email="s@example.test")
    shown = words(review(sender).text)

    assert "Send “offer” to 4 people?" in shown
    assert "SMS segments 3" in shown
    assert "SMS Skipped The recipient has no phone number. 1" in shown
    assert "no limit set" in shown


def test_exactly_these_people_can_be_downloaded(sender: Browser) -> None:
    factories.person("=cmd()", name="+Formula")
    plan = value_of(review(sender).text, "plan_hash")

    answer = sender.get("/admin/compose/people/", plan=plan)

    assert answer.mimetype == "text/csv"
    lines = answer.text.lstrip("\ufeff").splitlines()
    assert lines == ["id,name", "0,Person 0", "1,Person 1", "2,Person 2", "'=cmd(),'+Formula"]
    assert sender.get("/admin/compose/people/", plan="nothing").status_code == 404
    assert [row.object_type for row in db.session.query(AuditEntry).filter_by(action="export")] == ["plan"]


def test_what_moved_before_the_press_is_shown_and_the_new_look_can_be_sent(sender: Browser) -> None:
    page = review(sender).text
    factories.person("late", name="Late")

    answer = press(sender, page)

    assert answer.status_code == 409
    assert "+1 came into the audience: late" in words(answer.text)
    assert db.session.query(Broadcast).count() == 0
    assert press(sender, answer.text).status_code == 302
    row = db.session.query(Broadcast).one()
    assert row.plan_hash == value_of(answer.text, "plan_hash")
    assert db.session.query(AuditEntry).filter_by(action="start").one().changes["plan"] == [None, row.plan_hash]


def test_a_new_version_before_the_press_is_shown(sender: Browser) -> None:
    page = review(sender).text
    made = db.session.query(Template).one()
    db.session.add(TemplateVersion(template_id=made.id, number=2, notification_type="offer", title="New", message="New"))
    db.session.flush()
    made.current_version_id = db.session.query(TemplateVersion).filter_by(number=2).one().id
    db.session.commit()

    answer = press(sender, page)

    assert answer.status_code == 409
    assert "Text of the template version 1 version 2" in words(answer.text)


def test_a_send_without_a_look_is_shown_first(sender: Browser) -> None:
    answer = sender.post("/admin/compose/send/", {**FILLED, "token": "t"})

    assert answer.status_code == 409
    assert "Send “offer” to 3 people?" in words(answer.text)
    assert db.session.query(Broadcast).count() == 0


def test_people_of_segments_are_left_out(sender: Browser) -> None:
    rules = [{"field": "id", "operator": "=", "value": "1"}]
    db.session.add(Segment(slug="one", name="Number one", definition={"combinator": "and", "rules": rules}))
    db.session.add(Segment(slug="none", name="Nobody"))
    db.session.commit()

    page = review(sender, exclude=["one", "none"]).text
    assert "Send “offer” to 2 people?" in words(page)
    assert "Everybody, without Number one and Nobody: 2 Settled now" in words(page)
    press(sender, page, exclude=["one", "none"])

    assert db.session.query(Broadcast).one().audience == {"include": "all", "exclude": ["one", "none"]}
    assert "There is no segment" in error_of(review(sender, exclude=["gone"]).text, "exclude")


def test_a_file_becomes_a_list_and_the_audience(sender: Browser) -> None:
    page = upload(sender, "id,name,phone,plan\na,Ann,+9779841000001,gold\nb,Bo,,\n2,Person 2,,\n").text

    assert "Send “offer” to 3 people?" in words(page)
    slug = value_of(page, "segment")
    assert slug.startswith("guests-may-csv-")
    assert members(slug) == ["2", "a", "b"]
    assert db.session.query(Recipient).filter_by(external_id="a").one().attributes == {"plan": "gold"}
    press(sender, page, audience="segment", segment=slug)
    assert db.session.query(Broadcast).one().audience == slug


def test_a_file_with_bad_rows_lists_them_and_writes_nothing(sender: Browser) -> None:
    text = "id,email\na,a@example.test\nb,nonsense\n,x@example.test\na,again@example.test\n<b>x</b>,\n"
    answer = upload(sender, text)

    shown = words(answer.text)
    assert answer.status_code == 422
    assert "3 of 5 rows cannot be used." in shown
    assert "3 email 'nonsense' is not an e-mail address" in shown
    assert "is on line 2 already" in shown
    assert value_of(answer.text, "var-code") == "DASHAIN"
    assert (db.session.query(Segment).count(), db.session.query(Recipient).count()) == (0, 3)

    page = upload(sender, text, without_bad="1").text
    assert "Send “offer” to 2 people?" in words(page)
    assert members(value_of(page, "segment")) == ["<b>x</b>", "a"]


@pytest.mark.parametrize(("text", "said"), [
    ("name\nAnn\n", "names no id column"), ("id\n", "no rows"), ("id,email\n,\n", "no rows"), ("", "no id column"),
    ("id,email\na,nope\n", "cannot be used"),
])
def test_a_file_that_is_no_use_says_why(sender: Browser, text: str, said: str) -> None:
    answer = upload(sender, text, without_bad="1")

    assert answer.status_code == 422
    assert said in words(answer.text)
    assert db.session.query(Segment).count() == 0


def test_without_a_file_the_file_is_asked_for(sender: Browser) -> None:
    assert "No file is chosen" in error_of(review(sender, audience="upload").text, "people_file")


def test_a_text_written_on_the_spot_becomes_a_template(sender: Browser) -> None:
    missing = sender.post("/admin/compose/review/", OWN)
    assert missing.status_code == 422
    assert "is missing" in error_of(missing.text, "var-day")
    slug = value_of(missing.text, "own_slug")

    filled = {**OWN, "own_slug": slug, "var-day": "Sunday"}
    page = sender.post("/admin/compose/review/", filled).text
    assert "It is Sunday." in words(page)
    assert value_of(page, "own_slug") == slug
    other = sender.post("/admin/compose/review/", {**filled, "own_message": "Now {{ day }}."}).text
    sent = press(sender, other, **{**filled, "own_message": "Now {{ day }}."})

    assert sent.status_code == 302
    made = db.session.query(Template).filter_by(slug=slug).one()
    assert [one.number for one in made.versions] == [2, 1]
    row = db.session.query(Broadcast).one()
    assert (row.template_version.message, row.data) == ("Now {{ day }}.", {"day": "Sunday"})
    assert {entry.action for entry in db.session.query(AuditEntry).filter_by(object_type="template")} == {"create", "edit"}


@pytest.mark.parametrize(("over", "at"), [
    ({"own_title": ""}, "own_title"), ({"own_message": "{{"}, "own_message"), ({"own_type": "No Type"}, "own_type"),
    ({"own_sms": "{{ 'x' | nothing }}"}, "own_sms"),
])
def test_a_text_that_cannot_be_one_is_said_beside_its_field(sender: Browser, over: dict[str, str], at: str) -> None:
    answer = sender.post("/admin/compose/review/", {**OWN, "var-day": "Sunday", **over})

    assert answer.status_code == 422
    assert error_of(answer.text, at)
    assert db.session.query(Template).count() == 1


def test_nobody_writes_into_another_one_s_template(sender: Browser) -> None:
    sender.post("/admin/compose/review/", {**OWN, "own_slug": "offer", "var-day": "x"})

    assert db.session.query(Template).filter_by(slug="offer").one().current_version.number == 1
    assert db.session.query(Template).count() == 2


def test_variables_are_asked_for_as_what_they_were(sender: Browser) -> None:
    message = "{% for one in items %}{{ one }}{% endfor %}{{ extra | default('none') }}"
    factories.template("past", title="{{ amount }} {{ day }} {{ vip }} {{ note }}", message=message)
    data = {"amount": 12.5, "day": "2026-01-31", "vip": True, "note": "007", "items": ["a", "b"]}
    jobs.expand_broadcast.call_local(broadcasts.create("all", "past", data, SendOptions()))

    page = sender.get("/admin/compose/?template=past").text
    asked = {name: value_of(page, f"kind-{name}") for name in ("amount", "day", "vip", "note", "items", "extra")}
    assert asked == {"amount": "number", "day": "date", "vip": "boolean", "note": "text", "items": "json", "extra": "auto"}
    assert "extra may stay empty" in words(page)
    assert "amount required A number, as in the last send; last time 12.5 ." in words(page)

    fields = {"template": "past", "audience": "all", **{f"kind-{name}": kind for name, kind in asked.items()}}
    good = {"var-amount": "007", "var-day": "2026-02-01", "var-vip": "false", "var-note": "42", "var-items": "[1, \"b\"]"}
    page = sender.post("/admin/compose/review/", {**fields, **good}).text
    press(sender, page, **fields, **good)
    row = db.session.query(Broadcast).order_by(Broadcast.pk.desc()).first()
    assert row is not None
    assert row.data == {"amount": 7, "day": "2026-02-01", "vip": False, "note": "42", "items": [1, "b"]}
    for name, text in (("amount", "lots"), ("day", "soon"), ("vip", "maybe"), ("items", "[")):
        answer = sender.post("/admin/compose/review/", {**fields, **good, f"var-{name}": text})
        assert answer.status_code == 422
        assert error_of(answer.text, f"var-{name}")


def test_there_is_a_form_without_templates_and_segments(browse: Callable[[str], Browser]) -> None:
    page = browse("sender").get("/admin/compose/").text

    assert "There is none yet" in words(page)
    assert 'value="segment"' not in page
    assert db.session.query(Rule).count() == 0


def test_the_outside_source_is_sent_to_unseen_and_says_so(sender: Browser) -> None:
    page = review(sender, audience="source").text

    assert "Send “offer” to the outside source?" in words(page)
    assert "read when the sending starts" in words(page)
    assert press(sender, page, audience="source").status_code == 302
    assert db.session.query(Broadcast).one().audience == {"source": "http"}
