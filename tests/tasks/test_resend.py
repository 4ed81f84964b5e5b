"""Send one again: back into the queue what did not get through, a new message of what was sent, and never anything twice."""

import threading

import pytest
from sqlalchemy import func, select

from tasks import jobs, queue, resend, templates
from tasks.audience.erase import erase
from tasks.errors import UnknownRecipient, WrongState
from tasks.extensions import db
from tasks.models import AuditEntry, Broadcast, BroadcastRound, Delivery, Notification
from tasks.models.types import utcnow
from tasks.models.words import BOUNCED, CANCELLED, DELIVERED, EXPIRED, FAILED, PAUSED, QUEUED, SENT, SKIPPED, STATES, UNKNOWN
from tasks.options import SendOptions
from tasks.rights import Rights
from tasks.send import notify
from tests import factories
from tests.tasks.test_rounds import _moody, address, law, run, start

ACTOR = "sender@example.org"


def press(row, token="t", **more):
    return resend.resend(row, ACTOR, options=SendOptions(idempotency_key=token, idempotency_scope="s", actor=ACTOR), **more)


def drain():
    while (waiting := queue.huey.dequeue()) is not None:
        queue.huey.execute(waiting)


@pytest.fixture
def moody(any_app):
    return _moody(any_app)


@pytest.fixture
def refused(moody):
    """A single message that its provider refused."""
    moody.refused = frozenset({address(0)})
    notify({"id": "0", "email": address(0)}, "payment_success", amount=1)
    (row,) = factories.deliveries("email")
    assert row.state == FAILED
    moody.refused = frozenset()
    return row


def test_what_failed_goes_back_and_its_attempts_stay(refused, moody):
    done = press(refused)
    (waiting,) = factories.deliveries("email")
    assert (done.reopened, done.notification_pk, waiting.state, waiting.round) == (True, refused.notification_id, QUEUED, 2)
    drain()

    (row,) = factories.deliveries("email")
    assert (row.state, row.round, moody.accepted) == (SENT, 2, [row.pk])
    assert [(one.round, one.outcome) for one in row.attempts] == [(1, "permanent"), (2, "sent")]
    entry = db.session.query(AuditEntry).one()
    assert (entry.actor, entry.action, entry.object_type, entry.object_id) == (ACTOR, "resend", "delivery", str(row.pk))


def test_of_many_presses_one_sends(refused, moody, any_app):
    pk, seen, ends = refused.pk, refused.round, []
    db.session.remove()

    def press_once(token):
        with any_app.app_context():
            try:
                ends.append(press(db.session.get(Delivery, pk), token, round=seen).reopened)
            except WrongState as error:
                ends.append(str(error))

    threads = [threading.Thread(target=press_once, args=(f"t{number}",)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    drain()

    assert (len(ends), ends.count(True)) == (8, 1)
    assert moody.accepted == [pk]
    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == 1


def test_who_saw_an_older_round_is_told_who_was_first(refused):
    seen = refused.round
    press(refused, round=seen)
    drain()
    (row,) = factories.deliveries("email")

    with pytest.raises(WrongState, match=f"{ACTOR} sent it again"):
        press(row, round=seen)
    assert db.session.scalar(select(func.count()).select_from(Notification)) == 1


def test_what_was_sent_is_untouched_and_a_new_message_names_it(moody):
    notify({"id": "0", "email": address(0), "name": "Maya"}, "payment_success", amount=7)
    (old,) = factories.deliveries("email")
    templates.save_version(old.notification.template, title="Edited", message="Edited", actor="test")
    db.session.commit()
    before = {column.name: value for column, value in zip(Delivery.__table__.c, _row(old.pk), strict=True)}

    first = press(old)
    again = press(old)
    drain()

    assert _row(old.pk) == tuple(before.values())
    assert (first.reopened, again) == (False, first), "the second press finds the first one's message"
    made = db.session.get_one(Notification, first.notification_pk)
    assert (made.resent_from, made.title, made.data) == (old.notification_id, "Payment of ₹7", {"amount": 7})
    assert [(row.channel, row.state) for row in made.deliveries] == [("in_app", SENT), ("email", SENT)]
    assert len(moody.accepted) == 2
    assert db.session.query(AuditEntry).one().changes["sent again as"] == [None, [made.pk]]


def _row(pk):
    db.session.rollback()
    return tuple(db.session.execute(select(Delivery.__table__).where(Delivery.pk == pk)).one())


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_way(refused, state):
    refused.state = state
    db.session.commit()
    expected = {SENT: resend.ANEW, DELIVERED: resend.ANEW, CANCELLED: resend.ANEW}
    expected |= dict.fromkeys((FAILED, UNKNOWN, BOUNCED, EXPIRED, SKIPPED), resend.REOPEN)
    if state in expected:
        assert resend.way(refused) == expected[state]
    else:
        with pytest.raises(WrongState, match="still on its way"):
            resend.way(refused)


def test_a_person_who_has_an_address_now_gets_what_was_skipped(moody):
    notify({"id": "0"}, "payment_success", amount=1)
    (row,) = factories.deliveries("email")
    assert row.state == SKIPPED
    row.notification.user.email = address(3)
    db.session.commit()

    press(row)
    drain()
    assert [one.state for one in factories.deliveries("email")] == [SENT]


def test_a_broadcasts_row_is_a_round_of_one_and_the_law_holds(moody):
    factories.people(4)
    moody.refused, moody.silent = frozenset({address(1)}), frozenset({address(2)})
    pk = start()
    moody.refused = frozenset()
    (failed,) = [row for row in factories.deliveries("email") if row.state == FAILED]
    law(pk)

    assert press(failed).reopened
    assert db.session.get(Broadcast, pk, populate_existing=True).state == "sending"
    law(pk)
    with pytest.raises(WrongState, match="Its broadcast is sending"):
        press(next(row for row in factories.deliveries("email") if row.state == UNKNOWN))
    run(pk)

    law(pk)
    done = db.session.get(Broadcast, pk, populate_existing=True)
    assert (done.state, done.round, db.session.query(BroadcastRound).one().count) == ("completed", 2, 1)
    assert sorted(row.state for row in factories.deliveries("email")) == [SENT, SENT, SENT, UNKNOWN]
    assert len(moody.accepted) == len(set(moody.accepted)) == 3


def test_a_broadcasts_sent_row_becomes_a_message_outside_its_figures(moody):
    factories.people(2)
    pk = start()
    row = next(row for row in factories.deliveries("email") if row.state == SENT)

    done = press(row)
    drain()

    made = db.session.get_one(Notification, done.notification_pk)
    assert (made.broadcast_id, made.resent_from, made.title) == (None, row.notification_id, "Payment of ₹1")
    assert db.session.get(Broadcast, pk, populate_existing=True).state == "completed"
    assert [one.state for one in factories.deliveries("email") if one.broadcast_id == pk] == [SENT, SENT]


def test_not_while_its_broadcast_is_paused_nor_to_somebody_who_is_gone(refused, moody):
    version = refused.notification.template_version_id
    made = Broadcast(template_version_id=version, audience="all", state=PAUSED, started_at=utcnow())
    db.session.add(made)
    db.session.flush()
    refused.broadcast_id = refused.notification.broadcast_id = made.pk
    db.session.commit()
    with pytest.raises(WrongState, match="paused"):
        press(refused)

    refused.broadcast_id = refused.notification.broadcast_id = None
    db.session.commit()
    person = refused.notification.recipient_id
    db.session.rollback()
    erase(person)
    with pytest.raises(UnknownRecipient):
        press(factories.deliveries("email")[0])


def test_a_test_message_stays_one(moody):
    options = SendOptions(rights=Rights("test", is_test=True))
    notify({"id": "0", "email": address(0)}, "payment_success", options=options, amount=1)
    (row,) = factories.deliveries("email")

    made = db.session.get_one(Notification, press(row).notification_pk)
    drain()

    assert made.is_test
    assert moody.accepted == []
    jobs._round("email")
