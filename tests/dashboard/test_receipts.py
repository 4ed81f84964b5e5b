"""Confirmations of clients: gathered, then written once, and only ever forward."""

import pytest
from sqlalchemy import select, update

from dashboard.receipts import Receipts
from tasks.database import reading, writing
from tasks.inbox import Cursor
from tasks.ledger import receipts
from tasks.ledger.receipts import Span
from tasks.live import Listener
from tasks.models import Delivery
from tasks.models.words import BOUNCED, DELIVERED, SENT
from tests.peers.inbox_rows import messages, person


@pytest.fixture
def maya(any_app):
    return person("maya")


def states(pks):
    with reading() as connection:
        query = select(Delivery.state).where(Delivery.notification_id.in_(pks)).order_by(Delivery.notification_id)
        return list(connection.execute(query).scalars())


def test_two_devices_are_one_write(maya, monkeypatch):
    pks = messages([maya] * 4)
    kept = Receipts()
    phone, laptop = Listener("a", maya, 0), Listener("b", maya, 0)
    kept.note(phone, Cursor(pks[0], frozenset({pks[2]})))
    kept.note(laptop, Cursor(pks[1]))
    kept.note(laptop, Cursor(pks[0]))  # backwards: it changes nothing
    calls = []
    monkeypatch.setattr(receipts, "confirm", lambda spans, slot: calls.append(spans))
    kept.write()
    kept.write()
    assert calls == [{maya: Span(pks[1], frozenset({pks[2]}), 0)}]


def test_only_what_was_sent_becomes_delivered_and_only_the_persons_own(maya):
    pks = messages([maya, maya, person("other"), maya])
    with writing() as connection:
        connection.execute(update(Delivery).where(Delivery.notification_id == pks[1]).values(state=BOUNCED))
    assert receipts.confirm({maya: Span(pks[2])}, 1) == 1
    assert states(pks) == [DELIVERED, BOUNCED, SENT, SENT]
    assert receipts.confirm({maya: Span(pks[2])}, 1) == 0
    assert receipts.confirm({maya: Span(0, frozenset({pks[3]}))}, 1) == 1
    assert states(pks) == [DELIVERED, BOUNCED, SENT, DELIVERED]


def test_a_long_history_is_not_walked(maya, monkeypatch):
    monkeypatch.setattr(receipts, "MOST", 3)
    pks = messages([maya] * 5)
    assert receipts.confirm({maya: Span(pks[-1])}, 1) == 3
    assert states(pks) == [SENT, SENT, DELIVERED, DELIVERED, DELIVERED]
    assert receipts.confirm({maya: Span(pks[-1], after=pks[1])}, 1) == 0
