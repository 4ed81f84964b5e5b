"""The fan-out: everybody once, resumable at any page, and one person's trouble stays their own."""

import threading

import pytest
from sqlalchemy import func, select, update

from tasks import broadcasts, control, expand, templates
from tasks.audience import frozen
from tasks.audience.recipients import save
from tasks.extensions import db
from tasks.models import Broadcast, Notification, OptOut, Recipient, Template
from tasks.options import SendOptions
from tasks.status import broadcast_counts
from tests import factories
from tests.tasks.counting import statements


def start(audience="all", options=None, **context):
    return broadcasts.create(audience, "payment_success", context or {"amount": 1}, options or SendOptions())


def pages_of(monkeypatch, people):
    """Let every page of a fan-out hold so many people."""
    monkeypatch.setattr(frozen, "SIZE", people)
    monkeypatch.setattr(expand, "PAGE", people)
    monkeypatch.setattr(expand, "SAME_PAGE", dict.fromkeys(expand.SAME_PAGE, people))


def run(pk, stopping=lambda: False):
    woken = []
    expand.expand(pk, stopping, woken.append)
    return db.session.get(Broadcast, pk, populate_existing=True), woken


def test_everybody_gets_one_row_on_each_channel(any_app, monkeypatch):
    pages_of(monkeypatch, 7)
    factories.template()
    factories.rule(channels=["email", "sms"])
    factories.people(20)
    found, woken = run(start())
    assert (found.state, found.audience_count, found.expanded_at is not None) == ("sending", 20, True)
    assert woken == [{"email"}] * 3
    rows = factories.deliveries()
    assert len(rows) == 60
    assert {(row.channel, row.state) for row in rows} == {("in_app", "sent"), ("email", "queued"), ("sms", "skipped")}


def test_one_text_for_all_is_kept_once_and_read_by_everybody(app):
    factories.template()
    factories.people(3)
    run(start(amount=7))
    assert db.session.execute(select(Notification.own_title, Notification.own_data).distinct()).all() == [(None, None)]
    assert {row.title for row in factories.notifications()} == {"Payment of ₹7"}
    assert factories.notifications()[0].data == {"amount": 7}


def test_one_text_in_the_inbox_only_is_written_by_the_database_and_counts_the_same(any_app, monkeypatch):
    pages_of(monkeypatch, 7)
    factories.template()
    factories.people(20)
    factories.people(3, start=50, is_active=False)
    with statements() as seen:
        found, _ = run(start(amount=7))
    assert (found.state, found.audience_count) == ("sending", 20)
    assert {row.title for row in factories.notifications()} == {"Payment of ₹7"}
    assert {(row.channel, row.state, row.provider) for row in factories.deliveries()} == {("in_app", "sent", "socketio")}
    assert len(factories.deliveries()) == 20
    assert broadcast_counts(found.pk) == {"in_app": {"sent": 20}}
    assert len([one for one in seen if one.startswith("INSERT INTO notifications")]) == 3


def test_a_personal_text_is_each_persons_own_and_a_failing_one_stops_nobody(any_app):
    factories.template(title="Hi {{ recipient.attributes.nick }}", message="m")
    factories.rule(channels=["email"])
    for n in range(3):
        factories.person(str(n), email=f"{n}@example.test", attributes={"nick": f"N{n}"} if n != 1 else {})
    found, _ = run(start())
    assert found.audience_count == 3
    assert [row.title for row in factories.notifications()] == ["Hi N0", "", "Hi N2"]
    assert factories.notifications()[1].deleted_at is not None
    bad = [row for row in factories.deliveries() if row.state == "failed"]
    assert [(row.channel, row.reason) for row in bad] == [("in_app", "render_failed"), ("email", "render_failed")]
    assert "nick" in bad[0].detail


def test_a_crash_between_pages_resumes_without_a_hole_or_a_double(any_app, monkeypatch):
    pages_of(monkeypatch, 5)
    factories.template()
    factories.rule()
    factories.people(23)
    pk = start()
    for _ in range(8):
        turns = iter([False, False, True])
        run(pk, lambda turns=turns: next(turns))
    assert len(factories.notifications()) == 23
    assert db.session.scalar(select(func.count(Notification.recipient_id.distinct()))) == 23
    assert db.session.get(Broadcast, pk).audience_count == 23


def test_two_workers_expanding_one_broadcast_write_everybody_once(any_app, monkeypatch):
    pages_of(monkeypatch, 5)
    factories.template()
    factories.rule()
    factories.people(100)
    pk = start()

    def work():
        with any_app.app_context():
            expand.expand(pk, lambda: False, lambda channels: None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(factories.notifications()) == 100
    assert db.session.get(Broadcast, pk, populate_existing=True).audience_count == 100


def test_the_audience_is_frozen_in_words_and_in_its_definition(app):
    factories.template()
    factories.people(2, country="NP")
    factories.people(2, start=10, country="DE")
    rule = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}
    found, _ = run(start(rule))
    assert found.audience_count == 2
    assert found.audience == rule
    assert found.audience_definition
    assert found.audience_label


def test_subscribed_leaves_out_those_who_opted_out_of_the_type(app):
    factories.template()
    factories.people(3)
    first = db.session.scalars(select(Recipient)).first()
    db.session.add(OptOut(recipient_id=first.id, notification_type="payment_success", channel="*"))
    db.session.commit()
    assert run(start("subscribed"))[0].audience_count == 2
    assert run(start("all"))[0].audience_count == 3


def test_an_empty_audience_is_done_at_once(app):
    factories.template()
    found, _ = run(start())
    assert found.audience_count == 0
    assert broadcasts.finish() == [found.pk]


def test_people_who_are_switched_off_are_no_audience(app):
    factories.template()
    factories.people(2, is_active=False)
    assert run(start())[0].audience_count == 0


def test_a_template_edited_or_switched_off_meanwhile_changes_nothing_for_a_broadcast_on_its_way(app):
    factories.template()
    factories.people(1)
    pk = start()
    template = db.session.scalars(select(Template)).one()
    templates.save_version(template, title="Other", message="Other", actor="test")
    template.is_active = False
    db.session.commit()
    run(pk)
    assert factories.notifications()[0].title == "Payment of ₹1"


def test_a_segment_that_is_deleted_before_the_start_fails_the_broadcast_in_words(app):
    factories.template()
    pk = start()
    with db.engine.begin() as connection:
        connection.execute(update(Broadcast).values(audience="gone"))
    found, _ = run(pk)
    assert found.state == "failed"
    assert "gone" in found.detail


@pytest.mark.parametrize("act", [control.pause, control.cancel])
def test_a_stopped_broadcast_writes_no_further_page(any_app, monkeypatch, act):
    pages_of(monkeypatch, 5)
    factories.template()
    factories.rule()
    factories.people(20)
    pk = start()
    turns = iter([False, False, True])
    run(pk, lambda: next(turns))
    act(pk, "test")
    run(pk)
    assert len(factories.notifications()) == 5
    if act is control.pause:
        control.resume(pk, "test")
        run(pk)
        assert len(factories.notifications()) == 20


def test_a_person_who_comes_while_it_runs_is_not_sent_to_twice(app, monkeypatch):
    pages_of(monkeypatch, 5)
    factories.template()
    factories.rule()
    factories.people(12)
    pk = start()
    turns = iter([False, False, True])
    run(pk, lambda: next(turns))
    save({"id": "0", "name": "Changed"})
    run(pk)
    assert len(factories.notifications()) == 12


def test_a_page_shrinks_where_it_holds_the_only_writer_for_long_and_grows_again(app):
    assert expand._next_share(1.0, 0.01) == 1.0
    assert expand._next_share(1.0, 0.1) == pytest.approx(0.5)
    assert expand._next_share(0.5, 10.0) == expand.SMALLEST
    assert expand._next_share(0.2, 0.0) == 1.0
