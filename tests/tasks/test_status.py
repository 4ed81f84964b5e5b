"""Status: one word for a notification, and everything behind it."""

import pytest

from tasks.send import notify
from tasks.status import broadcast_status, notification_status, overall
from tests import factories


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ([], "sent"),
        (["sent"], "sent"),
        (["skipped"], "sent"),
        (["sent", "queued"], "queued"),
        (["queued", "sending"], "sending"),
        (["retrying", "sent"], "retrying"),
        (["failed"], "failed"),
        (["failed", "sent"], "partly_failed"),
        (["unknown", "sent"], "unknown"),
        (["expired"], "failed"),
        (["bounced", "delivered"], "partly_failed"),
    ],
)
def test_one_word_for_many_states(states, word):
    assert overall(states) == word


def test_a_notification_shows_each_delivery_with_its_attempts_and_the_providers_words(any_app):
    factories.template()
    factories.rule(channels=["email", "sms"])
    sent = notify({"id": "42", "email": "bounce@example.test"}, "payment_success", amount=1)
    found = notification_status(sent.id)
    assert found["status"] == "failed"
    assert found["recipient_id"] == "42"
    email = next(row for row in found["deliveries"] if row["channel"] == "email")
    assert email["simulated"] is True
    assert [entry["outcome"] for entry in email["attempts"]] == ["permanent"]
    assert email["attempts"][0]["target"] == "bo…@example.test"
    assert next(row for row in found["deliveries"] if row["channel"] == "sms")["reason"] == "no_phone"


@pytest.mark.parametrize("nothing", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_id_of_nothing_gives_none(app, nothing):
    assert notification_status(nothing) is None
    assert broadcast_status(nothing) is None
