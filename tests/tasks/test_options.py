"""Options: what is out of range is named, with the remedy."""

from datetime import datetime, timedelta

import pytest

from tasks.errors import InvalidOption
from tasks.models.types import utcnow
from tasks.options import SendOptions
from tasks.send import notify


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": float("nan")}, "expires_in"),
        ({"expires_in": 10**9}, "expires_in"),
        ({"priority": 10}, "priority"),
        ({"send_at": datetime(2030, 1, 1)}, "send_at"),  # noqa: DTZ001 - a naive time is the point
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "x" * 256}, "idempotency_key"),
    ],
)
def test_out_of_range(values, field):
    with pytest.raises(InvalidOption) as raised:
        SendOptions(**values)
    assert raised.value.field == field
    assert raised.value.remedy


def test_in_app_goes_without_saying():
    assert SendOptions(channels=("email", "in_app")).channels == ("email",)


def test_a_single_send_cannot_be_put_off_and_says_what_can():
    with pytest.raises(InvalidOption, match="broadcast"):
        notify("42", "x", options=SendOptions(send_at=utcnow() + timedelta(hours=1)))
