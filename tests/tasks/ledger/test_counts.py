"""A broadcast's counters equal a count of its rows, at every moment."""

from collections import Counter

from tasks import control, jobs
from tasks.broadcasts import create, finish
from tasks.claim import claim
from tasks.expand import expand
from tasks.extensions import db
from tasks.ledger import counts
from tasks.ledger.processes import current_process_id
from tasks.models import Broadcast
from tasks.options import SendOptions
from tasks.status import broadcast_counts
from tests import factories


def really(pk):
    found = Counter((row.channel, row.state) for row in factories.deliveries() if row.broadcast_id == pk)
    return {channel: {state: n for (c, state), n in found.items() if c == channel} for channel, _ in found}


def test_the_counters_follow_the_rows_through_the_whole_life(any_app):
    factories.template()
    factories.rule(channels=["email", "sms"])
    factories.people(70)
    for word in ("bounce", "fails-once", "lost-reply"):
        factories.person(word, email=f"{word}@example.test")
    pk = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(pk, lambda: False, lambda channels: None)
    assert broadcast_counts(pk) == really(pk) == {"in_app": {"sent": 73}, "email": {"queued": 73}, "sms": {"skipped": 73}}
    jobs._round("email")
    assert broadcast_counts(pk) == really(pk)
    while jobs._round("email"):
        pass
    assert broadcast_counts(pk) == really(pk)
    assert really(pk)["email"] == {"sent": 70, "failed": 1, "retrying": 1, "unknown": 1}
    assert finish() == []
    factories.due_now()
    while jobs._round("email"):
        pass
    assert finish() == [pk]
    assert broadcast_counts(pk)["email"] == {"sent": 71, "failed": 1, "unknown": 1}
    assert db.session.get(Broadcast, pk, populate_existing=True).state == "completed"


def test_a_cancelled_broadcast_adds_up_too(any_app):
    factories.template()
    factories.rule()
    factories.people(100)
    pk = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(pk, lambda: False, lambda channels: None)
    jobs._round("email")
    control.cancel(pk, "test")
    control.sweep_cancelled(pk, 3)
    assert broadcast_counts(pk) == really(pk)
    assert broadcast_counts(pk)["email"] == {"sent": 64, "cancelled": 36}


def test_however_many_wait_only_some_are_looked_at(any_app, monkeypatch):
    monkeypatch.setattr(counts, "EXACT", 10)
    factories.template()
    factories.rule(channels=["email", "sms"])
    factories.people(70)
    pk = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(pk, lambda: False, lambda channels: None)
    claim("email", pk, 5, current_process_id())
    assert broadcast_counts(pk) == really(pk)
    assert really(pk)["email"] == {"sending": 5, "queued": 65}
    while jobs._round("email"):
        pass
    assert broadcast_counts(pk) == really(pk)
