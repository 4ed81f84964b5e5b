"""Test sends: they really leave, carry their mark, and are counted nowhere."""

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from tasks import jobs
from tasks.accept import Accepted
from tasks.audience import segments
from tasks.audience.erase import erase
from tasks.audience.recipients import save
from tasks.database import reading
from tasks.errors import InvalidAudience, MissingVariable, RateLimited
from tasks.explain import explain
from tasks.extensions import db
from tasks.inbox import pages
from tasks.models import Operator, Recipient, Segment, SegmentMember, Template, TemplateVersion
from tasks.templates import save_version
from tasks.trial import MARK, Trial, group, marked, send_to_group, send_to_self
from tests import factories
from tests.peers.smtp_sink import SmtpSink

PARTS = {
    "title": "Hi {{ recipient.name }}", "message": "You owe {{ amount }}", "sms_text": "", "email_subject": "",
    "email_html": "<p>{{ recipient.name }}</p>", "email_text": "",
}
RINA = {"id": "7", "name": "Rina", "attributes": {}}


@pytest.fixture
def sink(tmp_path):
    with SmtpSink(tmp_path / "accepted.log") as running:
        yield running


@pytest.fixture
def settings(sink):
    return {"smtp_url": f"smtp://127.0.0.1:{sink.port}", "mail_from": "Bell <bell@example.test>", "recipient_rate": 1}


@pytest.fixture
def asha() -> Operator:
    made = Operator(email="asha@example.test", name="Asha", password_hash="x", role="sender", test_phone="+9779841234567")
    db.session.add(made)
    db.session.commit()
    return made


def trial(template: Template, **changes) -> Trial:
    told = {"template": template, "sources": PARTS, "data": {"amount": 5}, "read_as": RINA, "channels": ("email", "sms")}
    return Trial(**{**told, **changes})


def figures() -> dict[str, float]:
    names = ("carillon_notifications_accepted", "carillon_deliveries", "carillon_attempts", "carillon_provider_seconds")
    return {
        str((one.name, sorted(one.labels.items()))): one.value
        for metric in REGISTRY.collect() if metric.name in names
        for one in metric.samples if not one.name.endswith("_created")
    }


def test_to_oneself_it_leaves_by_the_real_provider_as_another_person_would_read_it(any_app: Flask, asha: Operator, sink) -> None:
    before = figures()
    (answer,) = send_to_self(trial(factories.template("t")), asha, "once")
    assert isinstance(answer, Accepted)
    for channel in ("email", "sms"):
        jobs.deliver_singles.call_local(channel)

    (mail,) = sink.received
    assert mail.recipients == ["asha@example.test"]
    parsed = mail.parsed
    assert parsed["Subject"] == "[Test] Hi Rina"
    assert "You owe 5" in parsed.get_body(("plain",)).get_content()
    states = {row.channel: (row.state, row.provider) for row in factories.deliveries()}
    assert states == {"in_app": ("sent", "socketio"), "email": ("sent", "smtp"), "sms": ("sent", "simulator")}
    (message,) = factories.notifications()
    assert (message.is_test, message.is_trial, message.title) == (True, True, "[Test] Hi Rina")
    assert message.template.slug == "t"
    assert figures() == before
    words = {line["channel"]: line["explanation"] for line in explain(message.id)["channels"]}
    assert "accepted" in words["email"]


def test_the_operators_own_row_is_in_no_audience_and_of_no_use_to_a_real_send(any_app: Flask, asha: Operator) -> None:
    template = factories.template("t")
    send_to_self(trial(template), asha, "once")
    row = db.session.query(Recipient).one()
    assert (row.external_id, row.is_active, row.email, row.phone) == (f"operator:{asha.id}", False, asha.email, asha.test_phone)
    assert segments.count("all") == segments.count("subscribed", "t") == 0
    asha.test_email = "other@example.test"
    db.session.commit()
    send_to_self(trial(template), asha, "twice")
    assert db.session.query(Recipient).one().email == "other@example.test"


def test_a_second_press_sends_nothing_more(any_app: Flask, asha: Operator) -> None:
    template = factories.template("t")
    first, again = (send_to_self(trial(template), asha, "once")[0] for _ in range(2))
    assert (first.notification_id, again.replayed) == (again.notification_id, True)
    assert len(factories.notifications()) == 1


def test_its_text_is_a_version_of_its_own_that_no_editor_meets(any_app: Flask, asha: Operator) -> None:
    template = factories.template("t")
    for token in ("1", "2"):
        send_to_self(trial(template), asha, token)
    assert [one.number for one in db.session.query(TemplateVersion).order_by(TemplateVersion.number)] == [-1, 1]
    save_version(template, **{**PARTS, "title": "New"}, actor="x")
    db.session.commit()
    assert template.current_version.number == 2


def test_to_the_group_each_reads_their_own(any_app: Flask, asha: Operator, sink) -> None:
    template = factories.template("t")
    for number, name in enumerate(("Ben", "Cara")):
        factories.person(str(number), name=name, email=f"{name.lower()}@example.test")
    team = Segment(slug="team", name="Team")
    db.session.add(team)
    db.session.flush()
    db.session.add_all(SegmentMember(segment_id=team.id, recipient_id=one.id) for one in db.session.query(Recipient))
    asha.test_group = "team"
    db.session.commit()
    assert group(asha) == ["0", "1"]

    answers = send_to_group(trial(template), asha, "once")
    jobs.deliver_singles.call_local("email")
    assert [one.recipient_id for one in answers] == ["0", "1"]
    assert sorted(mail.parsed["Subject"] for mail in sink.received) == ["[Test] Hi Ben", "[Test] Hi Cara"]
    with reading() as connection:  # it is in the person's inbox as well
        ben = db.session.query(Recipient.id).filter_by(external_id="0").scalar()
        assert [item.title for item in pages.newest(connection, ben, limit=9)] == ["[Test] Hi Ben"]


def test_what_cannot_be_tested_is_refused_and_nothing_is_written(app: Flask, asha: Operator) -> None:
    template = factories.template("t")
    with pytest.raises(InvalidAudience, match="no test group"):
        send_to_group(trial(template), asha, "a")
    asha.test_group = "everybody"
    rules = [{"field": "country", "operator": "=", "value": "NP"}]
    db.session.add(Segment(slug="everybody", name="E", definition={"combinator": "and", "rules": rules}))
    db.session.commit()
    with pytest.raises(InvalidAudience, match="Nobody"):
        send_to_group(trial(template), asha, "a")
    factories.people(21, country="NP")
    with pytest.raises(InvalidAudience, match="More than 20"):
        send_to_group(trial(template), asha, "a")
    with pytest.raises(MissingVariable):
        send_to_self(trial(template, data={}), asha, "a")
    assert factories.notifications() == []


def test_an_hours_share_is_bounded_and_what_was_refused_costs_nothing(app: Flask, asha: Operator, monkeypatch) -> None:
    monkeypatch.setattr("tasks.trial.AN_HOUR", 2)
    template = factories.template("t")
    for _ in range(4):
        send_to_self(trial(template), asha, "same")
    send_to_self(trial(template), asha, "other")
    with pytest.raises(RateLimited):
        send_to_self(trial(template), asha, "third")
    assert len(factories.notifications()) == 2


def test_the_mark_stands_where_each_channel_shows_it_first() -> None:
    found = marked({**PARTS, "email_subject": "S", "sms_text": "Text"})
    assert found["title"] == f"{MARK}Hi {{{{ recipient.name }}}}"
    assert (found["email_subject"], found["sms_text"]) == ("[Test] S", "[Test] Text")
    assert (marked(PARTS)["sms_text"], marked(PARTS)["email_subject"]) == ("[Test] You owe {{ amount }}", "")


def test_who_is_erased_is_gone_from_the_test_sends_that_were_read_as_them(any_app: Flask, asha: Operator) -> None:
    template, rina = factories.template("t"), save({"id": "7", "name": "Rina"}).id
    send_to_self(trial(template), asha, "as rina")
    send_to_self(trial(template, read_as={"id": "8", "name": "Sita", "attributes": {}}), asha, "as sita")
    db.session.rollback()

    erase(rina)

    db.session.expire_all()
    first, second = factories.notifications()
    assert (first.own_title, first.own_message, first.recipient_fields) == ("", "", None)
    assert second.own_title == "[Test] Hi Sita"
