"""The story: through the real door, once, and never with made-up numbers to a real provider."""

from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.demo import story
from dashboard.demo.load import load
from tasks import jobs
from tasks.extensions import db
from tasks.models import Broadcast, Delivery, Notification
from tasks.models.words import OUTSIDE_CHANNELS

REAL_SMS = {"sparrow_token": "t", "sparrow_from": "Shop", "sparrow_url": "http://127.0.0.1:1/"}


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, object]:
    return getattr(request, "param", {})


def by_type() -> dict[str, set[str]]:
    """Notification type to the channels that its single messages were routed to."""
    found: dict[str, set[str]] = {}
    for row in db.session.scalars(select(Notification).where(Notification.broadcast_id.is_(None))):
        found.setdefault(row.notification_type, set()).update(kept.channel for kept in row.deliveries)
    return found


def test_it_plays_once(any_app: Flask) -> None:
    load()

    played = [story.play(), story.play()]

    assert played == [True, False]
    assert by_type() == {
        "payment_success": {"in_app", "push", "sms", "email"}, "rental_started": {"in_app", "push"},
        "otp_verification": {"in_app", "sms"},
    }
    made = db.session.scalars(select(Broadcast)).one()
    assert (made.audience, made.title, made.created_by) == ("nepal", "Dashain: 30% off every rental", "demo")


def test_a_story_that_broke_off_is_played_to_its_end_and_nothing_twice(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    load()
    with monkeypatch.context() as broken:
        broken.setattr(story, "broadcast", lambda *_args, **_kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            story.play()

    assert story.play() is True
    assert Counter(row.user.external_id for row in db.session.scalars(select(Notification))) == {
        "demo-1": 1, "demo-2": 1, "demo-3": 1, "demo-bounce": 1, "demo-fails-once": 1,
    }


def test_a_worker_brings_it_to_life(app: Flask) -> None:
    load()
    story.play()

    jobs.tick()
    jobs.expand_broadcast.call_local(db.session.scalars(select(Broadcast.pk)).one())
    for channel in OUTSIDE_CHANNELS:
        jobs.deliver_channel.call_local(channel)

    db.session.expire_all()
    states = Counter(
        (row.channel, row.state) for row in db.session.scalars(select(Delivery).where(Delivery.channel != "in_app"))
    )
    for channel in OUTSIDE_CHANNELS:
        assert states[channel, "sent"] >= 1
        assert states[channel, "failed"] >= 1
        assert states[channel, "retrying"] >= 1
    assert states["push", "sent"] > 40
    assert states["push", "unknown"] == 1


@pytest.mark.parametrize("settings", [REAL_SMS], indirect=True)
def test_made_up_numbers_never_reach_a_real_provider(app: Flask) -> None:
    load()

    story.play()

    assert by_type() == {
        "payment_success": {"in_app", "push", "email"}, "rental_started": {"in_app", "push"}, "otp_verification": {"in_app"},
    }
