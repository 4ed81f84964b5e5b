"""Routing: one decision with one reason for every channel."""

from types import SimpleNamespace

import pytest

from tasks.errors import UnknownChannel
from tasks.route import check_channels, decide


def person(**values):
    return SimpleNamespace(
        **{"email": "a@b.c", "phone": "+9779841234567", "is_active": True, "devices": [1], "opted_out": (), "is_deleted": False,
           **values}
    )


@pytest.mark.parametrize(
    ("changes", "channel", "reason"),
    [
        ({}, "email", ""),
        ({"email": ""}, "email", "no_email"),
        ({"phone": ""}, "sms", "no_phone"),
        ({"devices": ()}, "push", "no_device"),
        ({"opted_out": {"email"}}, "email", "opted_out"),
        ({"opted_out": {"email"}}, "sms", ""),
        ({"opted_out": {"*"}}, "sms", "opted_out"),
        ({"is_active": False}, "push", "recipient_inactive"),
        ({"is_active": False, "is_deleted": True}, "push", "recipient_deleted"),
    ],
)
def test_each_reason(changes, channel, reason):
    (decision,) = decide([channel], person(**changes))
    assert (decision.channel, decision.reason) == (channel, reason)
    assert decision.state == ("skipped" if reason else "queued")


def test_a_mandatory_type_ignores_opt_outs_and_nothing_else():
    assert decide(["sms"], person(opted_out={"*"}), mandatory=True)[0].state == "queued"
    assert decide(["sms"], person(phone=""), mandatory=True)[0].reason == "no_phone"


def test_there_are_as_many_decisions_as_channels():
    assert [decision.channel for decision in decide(["push", "sms", "email"], person())] == ["push", "sms", "email"]
    assert decide([], person()) == []


def test_forced_channels_are_checked_and_in_app_goes_without_saying():
    assert check_channels(["email", "in_app", "push"]) == ("push", "email")
    with pytest.raises(UnknownChannel):
        check_channels(["fax"])
