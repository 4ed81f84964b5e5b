"""The figures of the start page: counted by quarters, once, from the rows of the log."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from tasks import figures, jobs
from tasks.extensions import db
from tasks.models import Attempt, Delivery, Figure, Installation, Notification
from tasks.models.types import utcnow
from tasks.models.words import EMAIL, FAILED, IN_APP, PUSH, QUEUED, RETRYING, SENT, SMS
from tests.factories import person, template

HOUR = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def prepared(any_app: Flask) -> None:
    template()
    person("42", email="maya@example.test")


def message(
    channel: str, state: str, at: datetime, *, waits: float = 0.0, tries: int = 1, outcome: str = "sent", test: bool = False
) -> Delivery:
    """One delivery accepted at `at`, first tried `waits` seconds later and again each minute."""
    note = Notification(recipient_id=1, template_version_id=1, created_at=at, is_test=test)
    db.session.add(note)
    db.session.flush()
    row = Delivery(notification_id=note.pk, channel=channel, state=state, created_at=at, attempt_count=tries)
    db.session.add(row)
    db.session.flush()
    for number in range(1, tries + 1):
        started = at + timedelta(seconds=waits + 60 * (number - 1))
        db.session.add(Attempt(delivery_id=row.pk, number=number, provider="p", outcome=outcome, started_at=started))
    db.session.commit()
    return row


def count_at(now: datetime, monkeypatch: pytest.MonkeyPatch) -> int:
    """Count as a worker would at `now`, whatever was counted a moment ago."""
    monkeypatch.setattr(figures, "_take", lambda _pause: now)
    return figures.count(lambda: False)


def rows(**values) -> list[Figure]:
    db.session.expire_all()
    return list(db.session.scalars(select(Figure).filter_by(**values).order_by(Figure.quarter, Figure.channel)))


def test_every_kind_of_end_is_counted_in_the_quarter_of_its_last_try(monkeypatch: pytest.MonkeyPatch) -> None:
    message(EMAIL, SENT, HOUR, waits=0.3)
    message(EMAIL, SENT, HOUR, waits=3.0)
    message(EMAIL, FAILED, HOUR + timedelta(minutes=1), outcome="permanent")
    message(SMS, RETRYING, HOUR + timedelta(minutes=2), outcome="temporary")
    message(IN_APP, SENT, HOUR, tries=0)
    message(PUSH, SENT, HOUR + timedelta(minutes=14, seconds=30), tries=2)  # the second try is in the next quarter

    count_at(HOUR + timedelta(hours=1), monkeypatch)

    first = {row.channel: (row.sent, row.failed, row.retried) for row in rows(quarter=HOUR)}
    assert first == {EMAIL: (2, 1, 0), SMS: (0, 0, 1), IN_APP: (1, 0, 0), PUSH: (0, 0, 1)}
    (later,) = rows(quarter=HOUR + figures.QUARTER)
    assert (later.channel, later.sent, sum(later.waits)) == (PUSH, 1, 0)
    (mails,) = rows(quarter=HOUR, channel=EMAIL)
    waited = {edge: number for edge, number in zip(figures.EDGES, mails.waits[:-1], strict=True) if number}
    assert waited == {0.1: 1, 0.5: 1, 5.0: 1}


def test_tests_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    message(EMAIL, SENT, HOUR, test=True)
    message(IN_APP, SENT, HOUR, tries=0, test=True)

    count_at(HOUR + timedelta(hours=1), monkeypatch)

    assert [(row.sent, row.waits) for row in rows(quarter=HOUR)] == []


def test_a_quarter_is_counted_anew_until_nothing_can_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    row = message(EMAIL, RETRYING, HOUR, outcome="temporary")
    count_at(HOUR + timedelta(minutes=16), monkeypatch)
    assert [(one.sent, one.retried) for one in rows(quarter=HOUR, channel=EMAIL)] == [(0, 1)]

    db.session.execute(update(Delivery).where(Delivery.pk == row.pk).values(state=SENT))
    db.session.commit()
    assert count_at(HOUR + timedelta(minutes=20), monkeypatch) == 2
    assert [(one.sent, one.retried) for one in rows(quarter=HOUR, channel=EMAIL)] == [(1, 0)]

    assert count_at(HOUR + timedelta(minutes=26), monkeypatch) == 2
    assert db.session.scalar(select(Installation.figures_done)) == HOUR + figures.QUARTER
    assert count_at(HOUR + timedelta(minutes=27), monkeypatch) == 1  # only the one that runs


def test_what_waits_is_what_the_last_look_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    now = HOUR + timedelta(minutes=3)
    row = message(EMAIL, QUEUED, HOUR, tries=0)
    count_at(now, monkeypatch)
    assert [one.waiting for one in rows(channel=EMAIL)] == [1]

    db.session.execute(update(Delivery).where(Delivery.pk == row.pk).values(state=FAILED))
    db.session.commit()
    count_at(now, monkeypatch)
    assert [one.waiting for one in rows(channel=EMAIL)] == [0]


def test_of_two_workers_one_counts(any_app: Flask) -> None:
    message(EMAIL, SENT, utcnow() - timedelta(minutes=1))

    assert figures.count(lambda: False) > 0
    assert figures.count(lambda: False) == 0
    assert [row.sent for row in rows(channel=EMAIL) if row.sent] == [1]


def test_the_tick_has_it_done_once_a_pause(any_app: Flask) -> None:
    message(EMAIL, SENT, utcnow() - timedelta(minutes=1))

    assert not figures.is_due()  # a process that begins has more urgent things to do
    any_app.extensions["carillon.figures"].next_look = 0.0
    assert figures.is_due()
    assert not figures.is_due()
    jobs.count_figures.call_local()
    assert any(row.sent for row in rows(channel=EMAIL))


def test_nothing_sent_is_no_trouble(any_app: Flask) -> None:
    assert figures.count(lambda: False) == 1
    assert {row.channel: row.sent for row in rows()} == dict.fromkeys((IN_APP, PUSH, SMS, EMAIL), 0)
