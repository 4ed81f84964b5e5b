"""The frozen audience: settled before the first row, whatever happens to people and lists while the rows are written."""

from contextlib import contextmanager

import pytest
from sqlalchemy import func, select, update

from tasks import broadcasts, control, expand
from tasks.audience import frozen
from tasks.audience.erase import erase
from tasks.audience.recipients import save
from tasks.audience.segments import MAX_IDS
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.models import Broadcast, BroadcastPage, Delivery, Device, Notification, OptOut, Recipient, Segment, SegmentMember
from tasks.models.words import CHANNELS
from tasks.options import SendOptions
from tasks.route import decide
from tasks.status import broadcast_counts
from tests import factories

PEOPLE = 12
RULE = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}
IDS = {"ids": [str(n) for n in range(PEOPLE)]}
AUDIENCES = {"all": "all", "subscribed": "subscribed", "rule": RULE, "list": "listed", "ids": IDS}
TEXTS = {"one text": "Hello", "personal": "Hello {{ recipient.name }}"}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(frozen, "SIZE", 5)
    monkeypatch.setattr(expand, "PAGE", 5)
    monkeypatch.setattr(expand, "SAME_PAGE", dict.fromkeys(expand.SAME_PAGE, 5))


def prepare(text="Hello", channels=()):
    factories.template(slug="news", title=text)
    if channels:
        factories.rule(notification_type="news", channels=list(channels))
    factories.people(PEOPLE, country="NP")
    listed = Segment(slug="listed", name="Listed")
    db.session.add(listed)
    db.session.flush()
    people = db.session.scalars(select(Recipient.id)).all()
    db.session.add_all(SegmentMember(segment_id=listed.id, recipient_id=pk) for pk in people)
    db.session.commit()
    return listed.id


def start(audience="all"):
    return broadcasts.create(audience, "news", {}, SendOptions())


def run(pk, pages=None):
    """Expand to the end, or stop after so many pages."""
    left = iter([False] * (PEOPLE if pages is None else pages))
    expand.expand(pk, lambda: next(left, True), lambda channels: None)
    return db.session.get(Broadcast, pk, populate_existing=True)


def receivers():
    found = select(Recipient.external_id).join(Notification, Notification.recipient_id == Recipient.id).order_by(Recipient.id)
    with reading() as connection:
        return list(connection.execute(found).scalars())


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nobody_is_in_or_out_by_what_happens_between_two_pages(any_app, audience):
    listed = prepare()
    pk = start(AUDIENCES[audience])
    found = run(pk, pages=2)
    assert (found.state, found.audience_count, found.expanded_count) == ("expanding", PEOPLE, 5)

    save({"id": "11", "country": "DE"})
    save({"id": "new", "country": "NP"})
    with writing() as connection:
        table = SegmentMember.__table__
        connection.execute(table.delete().where(table.c.segment_id == listed))
        last = select(Recipient.id).where(Recipient.external_id == "10").scalar_subquery()
        connection.execute(OptOut.__table__.insert().values(recipient_id=last, notification_type="news", channel="*"))

    found = run(pk)
    assert (found.state, found.audience_count, found.expanded_count) == ("sending", PEOPLE, PEOPLE)
    assert receivers() == [str(n) for n in range(PEOPLE)]


def test_the_size_of_the_audience_is_known_before_the_first_row(any_app):
    prepare()
    pk = start()
    found = run(pk, pages=1)
    assert (found.state, found.audience_count, found.expanded_count) == ("expanding", PEOPLE, 0)
    assert found.frozen_at is not None
    with reading() as connection:
        pages = connection.execute(select(BroadcastPage.count).order_by(BroadcastPage.last_id)).scalars().all()
    assert pages == [5, 5, 2]


@pytest.mark.parametrize("channels", [(), ("email", "sms")], ids=["inbox", "channels"])
@pytest.mark.parametrize("text", TEXTS)
def test_who_goes_after_the_freeze_stays_in_the_audience_and_is_skipped_with_the_reason(any_app, text, channels):
    prepare(TEXTS[text], channels)
    pk = start()
    run(pk, pages=2)
    gone = {
        name: db.session.scalar(select(Recipient.id).where(Recipient.external_id == name)) for name in ("7", "11")
    }
    erase(gone["7"])
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "11").values(is_active=False))

    assert run(pk).expanded_count == PEOPLE
    rows = db.session.execute(
        select(Notification.recipient_id, Delivery.channel, Delivery.state, Delivery.reason, Notification.deleted_at.is_(None))
        .join(Delivery, Delivery.notification_id == Notification.pk)
        .where(Notification.recipient_id.in_(gone.values()))
    ).all()
    mine = ("in_app", *channels)
    reasons = {gone["7"]: "recipient_deleted", gone["11"]: "recipient_inactive"}
    assert sorted(map(tuple, rows)) == sorted((who, one, "skipped", why, False) for who, why in reasons.items() for one in mine)
    for counts in broadcast_counts(pk).values():
        assert sum(counts.values()) == PEOPLE


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("committed", [True, False], ids=["after the commit", "before the commit"])
def test_killed_at_any_transaction_everybody_gets_exactly_one_row_a_channel(any_app, monkeypatch, text, committed):
    prepare(TEXTS[text], ["email"])
    pk = start(RULE)
    for fatal in range(12):
        left = [fatal]

        @contextmanager
        def dying(left=left):
            with writing() as connection:
                yield connection
                if left[0] == 0 and not committed:
                    raise Killed
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        monkeypatch.setattr(expand, "writing", dying)
        monkeypatch.setattr(frozen, "writing", dying)
        try:
            run(pk)
        except Killed:
            continue
        break
    monkeypatch.undo()
    found = run(pk)
    assert (found.state, found.audience_count, found.expanded_count) == ("sending", PEOPLE, PEOPLE)
    assert receivers() == [str(n) for n in range(PEOPLE)]
    assert broadcast_counts(pk) == {"in_app": {"sent": PEOPLE}, "email": {"queued": PEOPLE}}
    assert db.session.scalar(select(func.sum(BroadcastPage.count))) == PEOPLE


def test_a_pause_before_the_freeze_leaves_it_for_later(any_app):
    prepare()
    pk = start()
    assert expand._begin(pk)
    control.pause(pk, "test")
    assert expand._freeze(pk) is False
    assert db.session.scalar(select(func.count()).select_from(BroadcastPage)) == 0
    control.resume(pk, "test")
    assert run(pk).expanded_count == PEOPLE


@pytest.mark.parametrize("mandatory", [False, True])
def test_what_the_database_decides_is_what_the_router_would(any_app, mandatory):
    """Every combination of what a person may lack, once by SQL and once by tasks.route."""
    outside = CHANNELS[1:]
    factories.template(slug="news", title="Hello")
    factories.rule(notification_type="news", channels=list(outside), mandatory=mandatory)
    refusals = [(), ("*",), ("sms",), ("push", "email")]
    for number in range(8 * len(refusals)):
        person = factories.person(
            str(number), email="a@example.test" if number & 1 else "", phone="+9779841000001" if number & 2 else "",
            tokens=[f"token-{number}"] if number & 4 else [],
        )
        for channel in refusals[number // 8]:
            db.session.add(OptOut(recipient_id=person.id, notification_type="news", channel=channel))
    db.session.execute(update(Device).where(Device.token == "token-7").values(is_active=False))
    db.session.commit()
    run(start(), pages=40)
    wanted = {
        (person.pk, one.channel, one.state, one.reason)
        for person in _everybody() for one in decide(outside, person, mandatory=mandatory)
    }
    rows = db.session.execute(
        select(Notification.recipient_id, Delivery.channel, Delivery.state, Delivery.reason)
        .join(Delivery, Delivery.notification_id == Notification.pk).where(Delivery.channel != "in_app")
    )
    assert {tuple(row) for row in rows} == wanted


def _everybody():
    with reading() as connection:
        return expand.recipients.page(connection, Recipient.id > 0, 0, MAX_IDS, "news")
