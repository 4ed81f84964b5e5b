"""Retries from end to end, with nobody waiting for them: when each is due, how many there are, and what ends them."""

from datetime import timedelta

import pytest

from tasks import jobs
from tasks.channels.base import Channel, ChannelError
from tasks.extensions import db
from tasks.models import Delivery
from tasks.options import SendOptions
from tasks.send import notify
from tests import factories


class Down(Channel):
    """A provider that fails each message for the moment: a network's edge without a network. It cannot be held to be down."""

    name, channel, has_breaker = "down", "email", False

    def send_one(self, message, target):
        raise ChannelError("not now", code="450")


@pytest.fixture
def _setting(any_app):
    factories.template()
    factories.rule()


@pytest.fixture
def _down(any_app, _setting):
    any_app.extensions["carillon.providers"]["email"] = Down(any_app.extensions["carillon.settings"])


def later(**passed):
    """Let time pass for the only e-mail and its attempts."""
    row = only()
    names = ("created_at", "next_attempt_at", "expires_at", "handed_at")
    values = {name: getattr(row, name) - timedelta(**passed) for name in names if getattr(row, name)}
    with db.engine.begin() as connection:
        connection.execute(Delivery.__table__.update().where(Delivery.pk == row.pk).values(values))


def only():
    (row,) = factories.deliveries("email")
    return row


def wait(row):
    """Whole seconds from the hand-over to the next try."""
    return round((row.next_attempt_at - row.handed_at).total_seconds())


@pytest.mark.usefixtures("_down")
def test_four_attempts_at_their_times_and_no_sooner():
    notify({"id": "42", "email": "a@example.test"}, "payment_success", amount=1)
    for attempt, seconds in enumerate((60, 120, 180), 1):
        row = only()
        assert (row.state, row.attempt_count, wait(row)) == ("retrying", attempt, seconds)
        later(seconds=seconds - 10)
        assert jobs._round("email") == 0
        later(seconds=10)
        assert jobs._round("email") == 1
    row = only()
    assert (row.state, row.reason, row.detail, len(row.attempts)) == ("failed", "gave_up", "not now", 4)
    later(days=1)
    assert jobs._round("email") == 0


@pytest.mark.usefixtures("_setting")
def test_a_provider_s_longer_wish_wins_and_what_follows_is_sent():
    notify({"id": "42", "email": "busy@example.test"}, "payment_success", amount=1)
    assert (only().state, wait(only())) == ("retrying", 90)
    later(seconds=80)
    assert jobs._round("email") == 0
    later(seconds=10)
    assert jobs._round("email") == 1
    assert (only().state, only().attempt_count) == ("sent", 2)


@pytest.mark.usefixtures("_setting")
def test_what_is_refused_for_good_is_tried_once():
    notify({"id": "42", "email": "bounce@example.test"}, "payment_success", amount=1)
    later(days=1)
    assert jobs._round("email") == 0
    assert (only().state, len(only().attempts)) == ("failed", 1)


@pytest.mark.usefixtures("_down")
def test_what_expires_before_its_retry_is_closed_as_expired_and_no_attempt_is_spent():
    notify({"id": "42", "email": "a@example.test"}, "payment_success", options=SendOptions(expires_in=30), amount=1)
    assert only().state == "retrying"
    later(seconds=60)
    jobs._round("email")
    assert (only().state, only().reason, only().attempt_count, len(only().attempts)) == ("expired", "expired", 1, 1)
