"""New broadcast: filled in, looked at, sent once."""

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, OptOut, Recipient, Segment, Template
from tasks.models.types import utcnow
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

FILLED = {"template": "offer", "audience": "all", "var-code": "DASHAIN", "var-percent": "20"}


@pytest.fixture
def sender(browse: Callable[[str], Browser]) -> Browser:
    factories.template("offer", title="{{ percent }}% for {{ recipient.name }}", message="Use {{ code }}.")
    factories.rule("offer", ["push"])
    factories.people(3)
    return browse("sender")


def review(browser: Browser, **fields: object):
    return browser.post("/admin/compose/review/", {**FILLED, **fields})


def press(browser: Browser, page: str, **fields: object):
    kept = {"token": value_of(page, "token"), "plan_hash": value_of(page, "plan_hash")}
    return browser.post("/admin/compose/send/", {**FILLED, **kept, **fields})


def test_the_form_asks_for_the_variables_of_the_template(sender: Browser) -> None:
    page = sender.get("/admin/compose/?template=offer").text

    assert 'name="var-code"' in page
    assert 'name="var-percent"' in page
    assert 'name="var-recipient"' not in page


def test_the_review_shows_the_message_as_a_real_person_gets_it(sender: Browser) -> None:
    page = words(review(sender).text)

    assert "Send “offer” to 3 people?" in page
    assert "20% for Person 0" in page
    assert "Use DASHAIN." in page
    assert "Push Simulated" in page
    assert db.session.query(Broadcast).count() == 0


def test_pressing_twice_starts_one_broadcast(sender: Browser) -> None:
    page = review(sender).text

    first, second = press(sender, page), press(sender, page)

    row = db.session.query(Broadcast).one()
    assert first.headers["Location"] == second.headers["Location"] == f"/admin/broadcasts/details/?id={row.pk}"
    assert (row.data, row.audience, row.created_by) == ({"code": "DASHAIN", "percent": 20}, "all", sender.email)
    entry = db.session.query(AuditEntry).one()
    assert (entry.action, entry.object_type, entry.actor) == ("start", "broadcast", sender.email)


def test_two_reviews_are_two_broadcasts(sender: Browser) -> None:
    press(sender, review(sender).text)
    press(sender, review(sender).text)

    assert db.session.query(Broadcast).count() == 2


@pytest.mark.parametrize(("fields", "at"), [
    ({"template": ""}, "template"), ({"template": "nothing"}, "template"),
    ({"var-code": ""}, "var-code"), ({"audience": "segment"}, "segment"), ({"audience": "nobody-knows"}, "audience"),
    ({"send_at": "2001-01-01T00:00"}, "send_at"), ({"send_at": "soon"}, "send_at"), ({"as_json": "1", "json": "{"}, "json"),
    ({"as_json": "1", "json": '{"code": "X"}'}, "json"),
])
def test_what_is_missing_or_wrong_is_said_beside_its_field_and_the_rest_is_kept(
    sender: Browser, fields: dict[str, str], at: str
) -> None:
    for path in ("/admin/compose/review/", "/admin/compose/send/"):
        answer = sender.post(path, {**FILLED, "token": "t", **fields})
        assert answer.status_code == 422
        assert error_of(answer.text, at) or error_of(answer.text, "template")
        if fields.get("template") is None:
            assert value_of(answer.text, "var-percent") == "20"
    assert db.session.query(Broadcast).count() == 0


def test_a_template_that_was_switched_off_meanwhile_is_not_sent(sender: Browser) -> None:
    page = review(sender).text
    db.session.query(Template).one().is_active = False
    db.session.commit()

    assert press(sender, page).status_code == 422
    assert db.session.query(Broadcast).count() == 0


def test_channels_and_time_go_with_it(sender: Browser) -> None:
    day = (utcnow() + timedelta(days=30)).date()
    fields = {
        "channels": ["email", "sms"], "send_at": f"{day}T09:00", "timezone": "Europe/Berlin", "window_from": "08:00",
        "window_to": "18:30", "rate": "1,200", "expires": "6h",
    }
    page = review(sender, **fields).text
    shown = words(page)
    starts = r"Starts 09:00 on \w+ \d+ \w+( \d{4})?, Europe/Berlin \d+ \w+ \d{4}, 1[23]:45:00 UTC\+05:45, in \d+ days"
    assert re.search(starts, shown)
    assert "Window 08:00 to 18:30, Europe/Berlin At most 1,200 a minute Gives up after 6h" in shown
    assert "Takes 0 seconds until" in shown
    for name, text in fields.items():
        if name != "channels":
            assert value_of(page, name) == text

    press(sender, page, **fields)

    row = db.session.query(Broadcast).one()
    assert row.channels == ["sms", "email"]
    assert (row.state, row.timezone, row.send_at_local) == ("scheduled", "Europe/Berlin", f"{day} 09:00")
    assert row.send_at == datetime.combine(day, time(9), ZoneInfo("Europe/Berlin"))
    assert (row.window_start, row.window_end, row.rate_per_minute) == ("08:00", "18:30", 1_200)
    assert row.expires_at - row.send_at == timedelta(hours=6)


def test_a_time_without_a_zone_is_the_operator_s_own(sender: Browser) -> None:
    day = (utcnow() + timedelta(days=30)).date()

    press(sender, review(sender, send_at=f"{day}T09:00").text, send_at=f"{day}T09:00")

    row = db.session.query(Broadcast).one()
    assert (row.timezone, row.send_at) == ("Asia/Kathmandu", datetime.combine(day, time(9), ZoneInfo("Asia/Kathmandu")))


@pytest.mark.parametrize(("fields", "at", "said"), [
    ({"send_at": "2020-01-01T09:00"}, "send_at", "has passed"),
    ({"send_at": "2199-01-01T09:00"}, "send_at", "more than a year away"),
    ({"send_at": "soon"}, "send_at", "not a time"),
    ({"send_at": "2199-01-01T09:00", "timezone": "Mars/Base"}, "timezone", "There is no time zone"),
    ({"window_from": "09:00"}, "window", "09:00-20:00"),
    ({"window_from": "09:00", "window_to": "09:00"}, "window", "closes when it opens"),
    ({"rate": "fast"}, "rate", "not a number"),
    ({"rate": "0"}, "rate", "out of range"),
    ({"expires": "never"}, "expires", "no length of time"),
])
def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    sender: Browser, fields: dict[str, str], at: str, said: str
) -> None:
    answer = review(sender, **fields)

    assert answer.status_code == 422
    assert said in error_of(answer.text, at)
    assert value_of(answer.text, "var-code") == "DASHAIN"
    for name in fields.keys() - {"timezone"}:
        assert value_of(answer.text, name) == fields[name]


def test_everything_that_is_wrong_is_said_at_once(sender: Browser) -> None:
    page = review(sender, audience="segment", rate="fast", expires="never").text

    assert "No segment is chosen" in error_of(page, "segment")
    assert "not a number" in error_of(page, "rate")
    assert "no length of time" in error_of(page, "expires")


def test_who_presses_second_is_told_who_was_first(sender: Browser, browse: Callable[[str], Browser]) -> None:
    page = review(sender).text
    press(sender, page)

    other = browse("admin")
    place = press(other, page).headers["Location"]

    assert "sender@example.org started it at" in words(other.get(place).text)
    assert db.session.query(Broadcast).count() == 1


def test_the_same_text_for_the_same_people_again_is_pointed_out(sender: Browser) -> None:
    press(sender, review(sender).text)

    assert "The same text went to the same audience" in words(review(sender).text)
    assert "The same text" not in words(review(sender, **{"var-code": "TIHAR"}).text)


def test_going_back_keeps_everything(sender: Browser) -> None:
    page = sender.post("/admin/compose/", {**FILLED, "channels": ["sms"], "send_at": "2199-01-01T09:00"}).text

    assert value_of(page, "var-code") == "DASHAIN"
    assert value_of(page, "send_at") == "2199-01-01T09:00"
    assert 'value="sms" checked' in page


def test_an_empty_audience_has_no_button(sender: Browser) -> None:
    db.session.add(Segment(slug="none", name="None"))
    db.session.commit()

    page = review(sender, audience="segment", segment="none").text

    assert "Nobody would get this" in words(page)
    assert "Send to" not in words(page)


def test_the_count_is_the_audience_of_that_type(sender: Browser) -> None:
    person = db.session.query(Recipient).first()
    db.session.add(OptOut(recipient_id=person.id, notification_type="offer", channel="*"))
    db.session.commit()

    def count(**query: str) -> dict[str, object]:
        return sender.client.get("/admin/compose/count/", query_string=query).get_json()

    assert count(template="offer", audience="all") == {"count": 3}
    assert count(template="offer", audience="subscribed") == {"count": 2}
    assert "error" in count(template="offer", audience="segment", segment="nothing")
