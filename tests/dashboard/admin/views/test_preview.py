"""Live preview: the JSON behind the panel."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tasks.send import broadcast, notify
from tests import factories
from tests.dashboard.admin.browsing import Browser

Browse = Callable[[str | None], Browser]


@pytest.fixture
def stage(app: Flask) -> None:
    factories.template(
        "t", title="Hi {{ recipient.name }}", message="You owe {{ amount }}",
        sms_text="{% if recipient.country == 'NP' %}Namaste\u2019{% else %}Hello{% endif %}",
        email_html="<p style='color:red'>{{ recipient.name }}</p>",
    )
    factories.rule("t", channels=("sms", "email"))
    factories.person("1", name="<b>Asha</b>", country="NP")
    factories.person("2", name="Ben", country="DE")


def look(browser: Browser, status: int = 200, **fields: Any) -> Any:
    answer = browser.post("/admin/preview/", {"template": "t", "audience": "all", **fields})
    assert answer.status_code == status, answer.text
    return answer.get_json()


@pytest.mark.usefixtures("stage")
def test_the_composers_draft_is_shown_to_the_first_of_its_audience(browse: Browse) -> None:
    found = look(browse("editor"), **{"var-amount": "5"})

    assert found["person"] == {"id": "1", "name": "<b>Asha</b>", "made_up": False}
    assert (found["faults"], found["gaps"], found["problems"]) == ([], [], [])
    channels = found["channels"]
    assert {name: one["rings"] for name, one in channels.items()} == {"in_app": True, "push": False, "sms": True, "email": True}
    assert (channels["in_app"]["title"], channels["push"]["message"]) == ("Hi <b>Asha</b>", "You owe 5")
    assert channels["email"]["email_html"] == "<p style='color:red'>&lt;b&gt;Asha&lt;/b&gt;</p>"
    assert channels["email"]["email_text"] == "You owe 5"
    sms = channels["sms"]["size"]
    assert (sms["encoding"], sms["segments"], sms["costly"]) == ("UCS-2", 1, [["\u2019", 1, "right single quotation mark"]])
    assert sms["pieces"] == [[["Namaste", False], ["\u2019", True]]]
    assert (sms["plainer"]["text"], sms["plainer"]["encoding"]) == ("Namaste'", "GSM-7")
    fork, = found["forks"]
    assert [(side["taken"], side["text"]) for side in fork["sides"]] == [(True, "Namaste\u2019"), (False, "Hello")]


@pytest.mark.usefixtures("stage")
def test_it_is_shown_to_whoever_is_chosen(browse: Browse) -> None:
    editor = browse("editor")
    assert look(editor, **{"preview-person": "2"})["channels"]["sms"]["sms_text"] == "Hello"
    assert "Nobody" in look(editor, 422, **{"preview-person": "3"})["error"]
    made_up = {"preview-as": "made-up", "preview-name": "Zoe", "preview-country": "np", "preview-attributes": '{"a": 1}'}
    found = look(editor, **made_up)
    assert (found["person"]["made_up"], found["channels"]["in_app"]["title"]) == (True, "Hi Zoe")
    assert found["channels"]["sms"]["sms_text"].startswith("Namaste")
    wrong = look(editor, 422, **{**made_up, "preview-attributes": "[1"})
    assert wrong["field"] == "preview-attributes"
    wrong = look(editor, 422, **{**made_up, "preview-email": "nonsense"})
    assert wrong["field"] == "preview-email"


@pytest.mark.usefixtures("stage")
def test_the_other_side_can_be_shown_everywhere(browse: Browse) -> None:
    found = look(browse("editor"), **{"preview-force": "sms_text:0:1"})
    assert found["channels"]["sms"]["sms_text"] == "Hello"
    assert look(browse("editor"), **{"preview-force": "x:y:\u0661"})["channels"]["sms"]["sms_text"].startswith("Namaste")


@pytest.mark.usefixtures("stage")
def test_an_unsaved_text_is_shown_with_its_mistakes_and_its_variables(browse: Browse) -> None:
    fields = {
        "preview-source": "editor", "notification_type": "t", "title": "Hello {{ city }}", "message": "one\r\ntwo {{ oops",
        "var-city": "Pokhara",
    }
    found = look(browse("editor"), **fields)
    assert found["variables"] == ["city"]
    assert found["channels"]["email"]["email_subject"] == "Hello Pokhara"
    assert found["channels"]["in_app"]["message"] is None
    fault, = found["faults"]
    assert (fault["part"], fault["label"], fault["line"]) == ("message", "Message", 2)
    assert found["channels"]["sms"]["faults"] == [fault]
    assert look(browse("editor"), **{"preview-source": "editor"}) == {"empty": True}


def test_an_editor_begins_with_the_values_of_the_last_broadcast(browse: Browse) -> None:
    factories.template("t", message="You owe {{ amount }} in {{ city }}")
    factories.person("1")
    broadcast("all", "t", amount=70, city="Pokhara")
    notify("1", "t", amount=71, city="hers alone")
    fields = {"preview-source": "editor", "slug": "t", "title": "T", "message": "{{ amount }}"}
    assert look(browse("editor"), **fields, **{"preview-begin": "1"})["last"] == {"amount": "70", "city": "Pokhara"}
    assert "last" not in look(browse("editor"), **fields)
    assert look(browse("editor"), **{**fields, "slug": "none", "preview-begin": "1"})["last"] == {}


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(("audience", "words"), [("source", "once it is copied"), ("upload", "No audience")])
def test_an_audience_that_is_not_there_yet_is_not_looked_through(browse: Browse, audience: str, words: str) -> None:
    answer = browse("editor").post("/admin/preview/audience/", {"template": "t", "var-amount": "5", "audience": audience})
    assert answer.status_code == 422
    assert words in answer.get_json()["error"]


def test_nothing_chosen_and_nobody_there(browse: Browse) -> None:
    assert look(browse("editor"), template="") == {"empty": True}
    factories.template("t", message="m")
    assert look(browse("editor"))["person"] == {"id": "made-up", "name": "", "made_up": True}


@pytest.mark.usefixtures("stage")
def test_bad_json_is_said_beside_what_can_be_shown(browse: Browse) -> None:
    found = look(browse("editor"), as_json="1", json="{")
    assert found["problems"][0][0] == "json"
    assert found["gaps"] == ["amount"]


@pytest.mark.usefixtures("stage")
def test_people_are_found(browse: Browse) -> None:
    found = browse("editor").get("/admin/preview/people/", q="be").get_json()
    assert found == {"people": [{"id": "2", "name": "Ben", "country": "DE"}]}


def lines(browser: Browser, **fields: Any) -> list[Any]:
    answer = browser.post("/admin/preview/audience/", {"template": "t", "audience": "all", "var-amount": "5", **fields})
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.usefixtures("stage")
def test_an_audience_is_looked_through(browse: Browse) -> None:
    found, done = lines(browse("editor"))
    assert (found["seen"], found["ended"], found["failed"], found["segments"]) == (2, True, 0, [[1, 2]])
    assert done == {"done": True, "total": 2, "cap": 20_000}
    sms = next(one for one in found["extremes"] if one["part"] == "sms_text")
    assert (sms["longest"]["id"], sms["shortest"]["id"]) == ("1", "2")
    assert [(one["side"], one["examples"][0]["id"]) for one in found["sides"]] == [(0, "1"), (1, "2")]


@pytest.mark.usefixtures("stage")
def test_a_failing_audience_says_why_and_for_whom(browse: Browse) -> None:
    found, _ = lines(browse("editor"), **{"var-amount": ""})
    assert found["failed"] == 2
    assert "'amount' is missing" in found["failing"][0]["message"]
    assert found["failing"][0]["examples"] == [{"id": "1", "name": "<b>Asha</b>"}, {"id": "2", "name": "Ben"}]
    answer = browse("editor").post("/admin/preview/audience/", {"template": "t", "audience": "segment", "segment": "none"})
    assert (answer.status_code, answer.get_json()["field"]) == (422, "audience")
    for wrong in ({"template": ""}, {"template": "t", "as_json": "1", "json": "{"}):
        assert browse("editor").post("/admin/preview/audience/", wrong).status_code == 422


def test_an_email_may_do_nothing_but_look(browse: Browse) -> None:
    answer = browse("editor").post("/admin/preview/mail/", {"html": "<script>x</script><p>hi"})
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy.split("; ")
    assert "script" not in policy.replace("'none'", "")
    assert (answer.headers["X-Frame-Options"], answer.text) == ("SAMEORIGIN", "<script>x</script><p>hi")
    assert browse("editor").post("/admin/preview/mail/", {"html": "x"}, token=None).status_code == 400


def test_viewers_see_none_of_it(browse: Browse) -> None:
    assert browse("viewer").post("/admin/preview/", {"template": "t"}).status_code == 403
    assert browse("viewer").get("/admin/preview/people/", q="a").status_code == 403
