"""What every provider must do, whatever it speaks: one class of tests that each provider's own test class inherits.

A subclass gives the fixture `peer` (the server), `channel` (the provider, pointed at it), `down` and `silent` (the provider,
pointed at a port that refuses and at one that never answers), the addresses below, and `accepted`. An address left empty
cannot happen with that provider; its test is skipped and says so.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from tasks.channels.base import Channel, Message, Outcome, Target

SHORT = 0.4  # seconds: the read timeout of tests that wait for it


class ProviderContract:
    """The contract. Addresses are those that the peer knows to misbehave for."""

    medium: ClassVar[str]
    good: ClassVar[str]  # with {} for a number, so that there are many
    temporary: ClassVar[str] = ""
    permanent: ClassVar[str] = ""
    dead: ClassVar[str] = ""
    unknown: ClassVar[str] = ""
    slow: ClassVar[str] = ""
    leaking: ClassVar[str] = ""
    secrets: ClassVar[Sequence[str]] = ()
    kind: ClassVar[str] = ""

    @pytest.fixture
    def peer(self) -> Any:
        """The server at the other end; None where there is none."""
        return None

    @pytest.fixture
    def down(self) -> Channel:
        """The provider, pointed at a port that refuses."""
        pytest.skip("nothing to connect to")

    @pytest.fixture
    def silent(self) -> Channel:
        """The provider, pointed at a port that never answers, with SHORT timeouts."""
        pytest.skip("nothing to connect to")

    def accepted(self, peer: Any) -> list[str]:
        """The ids of what the peer accepted."""
        return list(peer.accepted)

    def message(self, address: str, number: int = 1, **changes: Any) -> Message:
        """A message for one address."""
        values = {
            "delivery_id": number, "reference": f"0190-ref-{number}", "channel": self.medium,
            "targets": (Target(address, self.kind, number),), "title": "भुक्तानी सफल ₹1000", "text": "Paid ₹1000 by eSewa.",
            "html": "<p>Paid <b>₹1000</b></p>" if self.medium == "email" else "", "data": {"amount": 1000},
            "notification_id": f"0190-note-{number}", "notification_type": "payment_success", "recipient_name": "Sita राई",
        }
        return Message(**{**values, **changes})

    def send(self, channel: Channel, address: str, **changes: Any) -> Outcome:
        """Send one message to one address; skips where the provider has no such address."""
        if not address:
            pytest.skip("cannot happen with this provider")
        [outcome] = channel.send([self.message(address, **changes)])
        return outcome

    def test_one_message_is_sent(self, channel: Channel, peer: Any) -> None:
        message = self.message(self.good.format(1))
        [outcome] = channel.send([message])
        assert outcome.status == "sent", outcome
        assert outcome.delivery_id == 1
        assert [result.target for result in outcome.results] == list(message.targets)
        assert outcome.telling.response
        assert outcome.retry_after is None

    def test_a_batch_is_sent_in_order(self, channel: Channel, peer: Any) -> None:
        messages = [self.message(self.good.format(number), number) for number in range(1, channel.batch + 1)]
        outcomes = channel.send(messages)
        assert [outcome.delivery_id for outcome in outcomes] == [message.delivery_id for message in messages]
        assert [outcome.status for outcome in outcomes] == ["sent"] * len(messages)
        assert [outcome.results[0].target for outcome in outcomes] == [message.targets[0] for message in messages]

    def test_the_reference_reaches_the_provider_once(self, channel: Channel, peer: Any) -> None:
        channel.send([self.message(self.good.format(number), number) for number in range(1, 6)])
        assert sorted(self.accepted(peer)) == [f"0190-ref-{number}" for number in range(1, 6)]

    def test_no_messages_make_no_outcomes(self, channel: Channel) -> None:
        assert channel.send([]) == []

    def test_a_temporary_failure(self, channel: Channel) -> None:
        outcome = self.send(channel, self.temporary)
        assert outcome.status == "temporary"
        assert outcome.telling.code
        assert not outcome.telling.dead_target

    def test_a_permanent_failure(self, channel: Channel) -> None:
        outcome = self.send(channel, self.permanent)
        assert outcome.status == "permanent"
        assert outcome.telling.code
        assert not outcome.telling.dead_target

    def test_a_dead_target(self, channel: Channel) -> None:
        outcome = self.send(channel, self.dead)
        assert outcome.status == "permanent"
        assert outcome.telling.dead_target

    def test_a_lost_answer_is_unknown_and_not_sent_again(self, channel: Channel, peer: Any) -> None:
        outcome = self.send(channel, self.unknown)
        assert outcome.status == "unknown"
        if peer is not None:
            assert self.accepted(peer) == ["0190-ref-1"]

    def test_a_slow_answer_is_bounded(self, channel: Channel, peer: Any) -> None:
        channel.read_timeout = SHORT
        if peer is not None:
            peer.delay = 4 * SHORT
        started = time.monotonic()
        outcome = self.send(channel, self.slow)
        assert time.monotonic() - started < 10
        if peer is not None:
            assert outcome.status == "unknown"
            assert self.accepted(peer) == ["0190-ref-1"]

    def test_a_provider_that_is_down_is_a_temporary_failure(self, down: Channel) -> None:
        started = time.monotonic()
        outcomes = down.send([self.message(self.good.format(number), number) for number in range(1, 5)])
        assert [outcome.status for outcome in outcomes] == ["temporary"] * 4
        assert all(outcome.telling.code in {"unreachable", "sign_in"} for outcome in outcomes)
        assert time.monotonic() - started < 10

    def test_a_provider_that_never_answers_is_bounded(self, silent: Channel) -> None:
        started = time.monotonic()
        outcomes = silent.send([self.message(self.good.format(number), number) for number in range(1, 3)])
        assert {outcome.status for outcome in outcomes} <= {"temporary", "unknown"}
        assert time.monotonic() - started < 10

    def test_one_bad_message_leaves_the_others_alone(self, channel: Channel) -> None:
        bad = self.permanent or pytest.skip("cannot happen with this provider")
        addresses = [self.good.format(1), bad, self.good.format(3), self.temporary, self.good.format(5)]
        messages = [self.message(address, number) for number, address in enumerate(addresses, 1)]
        assert [outcome.status for outcome in channel.send(messages)] == ["sent", "permanent", "sent", "temporary", "sent"]

    def test_a_reply_lost_in_the_middle_of_a_hand_over_leaves_doubt_only_where_there_is_some(
        self, channel: Channel, peer: Any
    ) -> None:
        lost = self.unknown or pytest.skip("cannot happen with this provider")
        self.send(channel, self.good.format(1))
        addresses = [self.good.format(number) if number != 5 else lost for number in range(2, 14)]
        messages = [self.message(address, number) for number, address in enumerate(addresses, 2)]
        outcomes = channel.send(messages)
        assert [outcome.delivery_id for outcome in outcomes] == [message.delivery_id for message in messages]
        told = {f"0190-ref-{outcome.delivery_id}": outcome.status for outcome in outcomes}
        assert told["0190-ref-5"] == "unknown"
        if peer is not None:
            taken = [one for one in self.accepted(peer) if one != "0190-ref-1"]
            assert len(set(taken)) == len(taken)
            assert {one for one, status in told.items() if status == "sent"} <= set(taken)
            assert set(taken) <= {one for one, status in told.items() if status in {"sent", "unknown"}}

    def test_a_message_without_targets_is_an_outcome_too(self, channel: Channel) -> None:
        outcomes = channel.send([self.message(self.good.format(1), targets=()), self.message(self.good.format(2), 2)])
        assert [outcome.status for outcome in outcomes] == ["permanent", "sent"]
        assert outcomes[0].telling.code == "no_target"

    @pytest.mark.parametrize(
        "changes",
        [
            {"title": "a\r\nBcc: everybody@example.org", "text": "x\r\n.\r\nMAIL FROM:<a@b.c>"},
            {"title": "\x00\ud800\u2028" * 50, "text": "\ud800\x00", "recipient_name": '"\\\r\n<x@y.z>,' * 20},
            {"title": "", "text": "", "html": "", "data": {}, "recipient_name": ""},
            {"title": "t" * 5000, "text": "x" * 100_000, "data": {"from": object(), "google.x": None, "list": [1, {"a": 2}]}},
        ],
    )
    def test_awkward_content_never_raises(self, channel: Channel, peer: Any, changes: dict[str, Any]) -> None:
        outcomes = channel.send([self.message(self.good.format(1), **changes), self.message(self.good.format(2), 2)])
        assert outcomes[0].status in {"sent", "permanent"}
        assert outcomes[1].status == "sent"

    @pytest.mark.parametrize("address", ["", " ", "a@b.c, d@e.f", "+", "\r\n", "\ud800", "x" * 10_000])
    def test_awkward_addresses_never_raise(self, channel: Channel, address: str) -> None:
        [outcome] = channel.send([self.message(address)])
        assert outcome.status in {"sent", "permanent"}

    def test_secrets_stay_out_of_outcomes(self, channel: Channel, peer: Any) -> None:
        outcome = self.send(channel, self.leaking)
        assert outcome.status != "sent"
        assert "[secret]" in outcome.telling.response
        for secret in [*self.secrets, *channel.secrets()]:
            assert secret not in repr(outcome)

    def test_it_can_be_used_again_after_close(self, channel: Channel, peer: Any) -> None:
        assert self.send(channel, self.good.format(1)).status == "sent"
        channel.close()
        channel.close()
        outcomes = channel.send([self.message(self.good.format(number), number) for number in range(2, 6)])
        assert [outcome.status for outcome in outcomes] == ["sent"] * 4

    def test_threads_may_share_it(self, channel: Channel, peer: Any) -> None:
        outcomes: list[Outcome] = []

        def work(first: int) -> None:
            outcomes.extend(channel.send([self.message(self.good.format(n), n) for n in range(first, first + 8)]))

        threads = [threading.Thread(target=work, args=(first,)) for first in range(1, 33, 8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [outcome.status for outcome in outcomes] == ["sent"] * 32
        assert sorted(self.accepted(peer)) == sorted(f"0190-ref-{number}" for number in range(1, 33))
