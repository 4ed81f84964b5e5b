"""A delivery's timeline: every moment once, in order, in words."""

from datetime import datetime, timedelta
from typing import Any

from dashboard.admin.display.deciders import WORDS, decider
from dashboard.admin.display.timeline import Moment, timeline
from tasks.models import Attempt, AuditEntry, Delivery, Notification, TemplateVersion
from tasks.models.types import utcnow
from tasks.models.words import BOUNCED, DELIVERED, EMAIL, FAILED, IN_APP, PUSH, REASONS, RETRYING, SENDING, SENT, SKIPPED

NOW = utcnow()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def delivery(channel: str = EMAIL, state: str = SENT, **values: Any) -> Delivery:
    known = {"priority": 5, "attempt_count": 0, "reason": "", "detail": "", "created_at": at(0), **values}
    version = TemplateVersion(notification_type="payment")
    row = Delivery(channel=channel, state=state, **known)
    row.notification = Notification(template_version=version, is_test=False, is_trial=False)
    return row


def attempt(number: int, outcome: str, seconds: float, **values: Any) -> Attempt:
    known = {"provider": "smtp", "target": "as…@example.test", "code": "", "response": "", "provider_ref": "", "round": 1}
    return Attempt(id=number, number=number, outcome=outcome, started_at=at(seconds), duration_ms=41, **{**known, **values})


def titles(moments: list[Moment]) -> list[str]:
    return [one.title for one in moments]


def test_a_mail_that_was_retried_sent_again_and_came_back() -> None:
    row = delivery(state=BOUNCED, reason="550", detail="mailbox full", closed_at=at(80), receipt_at=at(500), attempt_count=1)
    tries = [attempt(1, "temporary", 1, response="421 later", code="421"), attempt(2, "sent", 61, response="250 ok", round=2)]
    press = AuditEntry(actor="asha@example.org", at=at(30))
    copy = Notification(pk=7, created_at=at(600))

    found = timeline(row, tries, [press], [copy])

    assert titles(found) == [
        "Accepted", "Queued", "Try 1", "Sent again by hand", "Try 2", "Sent", "Came back", "Sent again as a new message",
    ]
    assert [one.words for one in found if one.words] == ["421 later", "250 ok", "mailbox full"]
    first = found[2]
    assert ("code", "421") in first.facts
    assert ("took", "41 ms") in first.facts
    assert first.text == "It was tried again 1 minute later."
    assert found[-1].link == ("message", 7)


def test_what_was_left_out_says_so_and_was_never_queued() -> None:
    row = delivery(PUSH, SKIPPED, reason="no_device", closed_at=at(0))

    found = timeline(row, [], [], [])

    assert titles(found) == ["Accepted", "Routed", "Skipped"]
    assert found[1].text == "The rule of payment rings Push."
    assert found[2].text == REASONS["no_device"]


def test_the_inbox_tells_when_it_arrived_and_was_read() -> None:
    row = delivery(IN_APP, DELIVERED, closed_at=at(0), receipt_at=at(5))
    row.notification.read_at = at(9)

    assert titles(timeline(row, [], [], [])) == ["Accepted", "Routed", "Sent", "Arrived", "Read in the app"]


def test_what_waits_says_what_comes_next() -> None:
    waits = timeline(delivery(state=RETRYING, next_attempt_at=at(60), attempt_count=1), [attempt(1, "temporary", 1)], [], [])
    escalates = timeline(delivery(state="queued", unless="read", next_attempt_at=at(3600)), [], [], [])
    in_hand = timeline(delivery(state=SENDING, handed_at=at(2)), [], [], [])

    assert titles(waits)[-1] == "Next try"
    assert titles(escalates)[-1] == "It rings unless it is read before"
    assert "rings only if the message is not read before" in escalates[1].text
    assert titles(in_hand)[-1] == "Handed to the provider"


def test_a_template_that_failed_says_with_what() -> None:
    row = delivery(state=FAILED, reason="render_failed", detail="'amount' is missing", closed_at=at(4))

    last = timeline(row, [], [], [])[-1]

    assert (last.title, last.text, last.words) == ("Failed", REASONS["render_failed"], "'amount' is missing")


def test_every_reason_has_somebody_who_decided() -> None:
    explained = {"no_rule", "not_in_rule", "not_asked_then", "other_channel", "test", "inbox", "deleted", "paused", "window",
                 "if_unread", "not_due", "in_line", "in_hand", "no_worker"}
    named = {reason: decider(reason) for reason in {*REASONS, *explained}}

    assert {reason for reason, who in named.items() if who == "provider"} == {"gave_up", "refused", "in_doubt"}
    assert set(named.values()) <= set(WORDS)
    assert decider("550") == "provider"
