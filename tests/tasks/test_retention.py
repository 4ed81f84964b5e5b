"""What may be forgotten, and what never: nothing open, nothing of a broadcast that runs, nothing that somebody may ask for."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from tasks import retention
from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import (
    Attempt,
    Broadcast,
    BroadcastMember,
    BroadcastPage,
    Connection,
    Delivery,
    IdempotencyKey,
    Notification,
    Process,
    RateLimit,
    Recipient,
    Webhook,
    WebhookCall,
)
from tasks.models.types import utcnow
from tasks.send import broadcast, notify
from tests.factories import people, person, rule, template


@pytest.fixture(autouse=True)
def prepared(any_app: Flask) -> None:
    template(title="Hi", message="Hi")
    rule(channels=("email",))
    person("42", email="maya@example.test")


def age(model: object, days: float, *conditions: object) -> None:
    db.session.execute(update(model).where(*conditions).values(created_at=utcnow() - timedelta(days=days)))
    db.session.commit()


def count(model: object) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def prune(days: int = 90) -> dict[str, int]:
    return {kind.model.__name__: kind.remove() for kind in retention.kinds(days)}


def test_old_messages_go_with_their_deliveries_and_attempts() -> None:
    notify("42", "payment_success")
    kept = notify("42", "payment_success")
    age(Notification, 91, Notification.pk != kept.pk)

    assert retention.kinds(90)[0].count() == 1
    assert prune()["Notification"] == 1
    assert (count(Notification), count(Delivery), count(Attempt)) == (1, 2, 1)


def test_a_message_that_is_not_through_stays_however_old() -> None:
    notify("42", "payment_success", async_send=True)
    age(Notification, 900)

    assert prune()["Notification"] == 0
    assert count(Delivery) == 2


@pytest.mark.parametrize(("state", "gone"), [("sending", 0), ("paused", 0), ("expanding", 0), ("completed", 1), ("cancelled", 1)])
def test_messages_of_a_running_broadcast_stay(state: str, gone: int) -> None:
    made = broadcast("all", "payment_success")
    sent = notify("42", "payment_success")
    db.session.execute(update(Notification).where(Notification.pk == sent.pk).values(broadcast_id=made.pk))
    db.session.execute(update(Broadcast).values(state=state))
    db.session.commit()
    age(Notification, 91)

    assert prune()["Notification"] == gone


def test_it_goes_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    people(5, start=100)
    for n in range(5):
        notify(str(100 + n), "payment_success")
    age(Notification, 91)

    assert retention.kinds(90)[0].remove() == 5
    assert (count(Notification), count(Attempt)) == (0, 0)


@pytest.mark.parametrize(("state", "days", "gone"), [("completed", 91, 3), ("completed", 89, 0), ("paused", 91, 0)])
def test_copied_audiences_go_with_the_age_of_their_broadcast(state: str, days: int, gone: int) -> None:
    made = broadcast("all", "payment_success")
    people(2, start=100)
    who = db.session.scalars(select(Recipient.id)).all()
    db.session.execute(insert(BroadcastMember), [{"broadcast_id": made.pk, "recipient_id": one} for one in who])
    people_of = "[9]" if db.engine.dialect.name == "sqlite" else [9]
    db.session.execute(insert(BroadcastPage), [{"broadcast_id": made.pk, "last_id": 9, "count": 1, "people": people_of}])
    db.session.execute(update(Broadcast).values(state=state, finished_at=utcnow() - timedelta(days=days)))
    db.session.commit()

    removed = prune()
    assert (removed["BroadcastMember"], removed["BroadcastPage"]) == (gone, bool(gone))
    assert (count(BroadcastMember), count(BroadcastPage)) == (3 - gone, not gone)


def test_answers_for_repeats_are_kept_as_long_as_the_log() -> None:
    rows = [
        {"scope": "x", "key": str(days), "body_hash": "", "created_at": utcnow() - timedelta(days=days)}
        for days in (0, 89.9, 90.1, 365)
    ]
    db.session.execute(insert(IdempotencyKey), rows)
    db.session.commit()

    assert prune()["IdempotencyKey"] == 2
    assert set(db.session.scalars(select(IdempotencyKey.key))) == {"0", "89.9"}


def test_processes_go_a_day_after_their_end_if_nothing_points_at_them() -> None:
    long_ago = utcnow() - timedelta(days=2)
    ended = {"kind": "cli", "host": "h", "boot_id": "b", "pid": 1, "started_at": long_ago, "heartbeat_at": long_ago}
    rows = [{**ended, "ended_at": at} for at in (long_ago, utcnow(), None, long_ago)]
    db.session.execute(insert(Process), rows)
    holder = db.session.execute(insert(Process).values({**ended, "ended_at": long_ago}).returning(Process.id)).scalar_one()
    db.session.commit()
    notify("42", "payment_success", async_send=True)
    db.session.execute(update(Delivery).where(Delivery.channel == "email").values(leased_by=holder))
    db.session.commit()
    newest = processes.current_process_id()

    assert prune()["Process"] == 2
    left = set(db.session.scalars(select(Process.id)))
    assert {holder, newest} <= left
    assert len(left) == 4


def test_connections_of_a_process_that_ended_go_and_no_others() -> None:
    mine = processes.current_process_id()
    gone = processes.register("web")
    (who,) = db.session.execute(select(Notification.recipient_id).limit(1)).first() or (1,)
    db.session.execute(insert(Connection), [
        {"sid": "a", "recipient_id": who, "process_id": mine}, {"sid": "b", "recipient_id": who, "process_id": gone},
    ])
    db.session.execute(update(Process).where(Process.id == gone).values(ended_at=utcnow()))
    db.session.commit()

    assert prune()["Connection"] == 1
    assert db.session.scalars(select(Connection.sid)).all() == ["a"]


def test_calls_of_webhooks_and_limits_that_nobody_runs_into_go() -> None:
    old, now = utcnow() - timedelta(days=100), utcnow()
    hook = Webhook(url="https://x.example")
    db.session.add(hook)
    db.session.flush()
    ends = {"old": old, "new": now, "waiting": None}
    db.session.add_all(WebhookCall(webhook_id=hook.id, event="x", event_id=name, closed_at=at) for name, at in ends.items())
    db.session.add_all([RateLimit(name="idle", free_at=old.timestamp()), RateLimit(name="used", free_at=now.timestamp())])
    db.session.commit()

    removed = prune()

    assert (removed["WebhookCall"], removed["RateLimit"]) == (1, 1)
    assert set(db.session.scalars(select(WebhookCall.event_id))) == {"new", "waiting"}
    assert list(db.session.scalars(select(RateLimit.name))) == ["used"]
