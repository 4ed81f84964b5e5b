"""The simulator: the contract, and what its magic recipients act out."""

import time
from typing import Any

import phonenumbers
import pytest

from tasks.channels import simulator
from tasks.channels.base import Channel, Outcome
from tasks.channels.simulator import MAGIC, SimulatorChannel, magic
from tasks.config import Settings
from tests.tasks.channels.contract import ProviderContract


class TestSimulator(ProviderContract):
    medium = "email"
    good = "person{}@example.org"
    temporary = "fails-once@example.org"
    permanent = "bounce@example.org"
    dead = "dead@example.org"
    unknown = "lost-reply@example.org"
    slow = "slow@example.org"

    @pytest.fixture
    def channel(self) -> Any:
        made = SimulatorChannel(Settings())
        yield made
        made.close()

    def accepted(self, peer: Any) -> list[str]:
        pytest.skip("nothing leaves the process")

    def test_it_says_that_it_was_simulated(self, channel: Channel) -> None:
        for address in ("sita@example.org", "bounce@example.org", "dead@example.org", "lost-reply@example.org", "busy@x.org"):
            assert "imulated" in self.send(channel, address).telling.response

    @pytest.mark.parametrize("one", MAGIC, ids=lambda one: one.word)
    @pytest.mark.parametrize("form", ["{word}@example.org", "{word}+tag@example.org", "+9779841{digits}", "{word}-x7f"])
    def test_a_magic_recipient_is_known_on_every_channel(self, one: simulator.Magic, form: str) -> None:
        assert magic(form.format(word=one.word, digits=one.digits)) is one

    @pytest.mark.parametrize("address", ["sita@example.org", "bounce.house@example.org", "+9779841234567", "dYx8-bounce", ""])
    def test_anybody_else_is_delivered(self, address: str) -> None:
        assert magic(address).word == "delivered"

    @pytest.mark.parametrize("one", MAGIC, ids=lambda one: one.word)
    def test_the_magic_numbers_are_mobile_numbers_that_exist(self, one: simulator.Magic) -> None:
        number = phonenumbers.parse(f"+9779841{one.digits}")
        assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE

    def told(self, outcome: Outcome) -> tuple[str, str, float | None, bool]:
        telling = outcome.telling
        return telling.status, telling.code, telling.retry_after, telling.dead_target

    def test_first_and_second_attempts(self, channel: Channel) -> None:
        first = {one.word: self.told(self.send(channel, f"{one.word}-token")) for one in MAGIC}
        second = {one.word: self.told(self.send(channel, f"{one.word}-token", attempt=2)) for one in MAGIC}
        delivered = ("sent", "simulated", None, False)
        lasting = {
            "delivered": delivered, "slow": delivered, "bounce": ("permanent", "simulated_bounce", None, False),
            "dead": ("permanent", "simulated_dead", None, True), "lost-reply": ("unknown", "simulated_lost_reply", None, False),
        }
        assert first == {
            **lasting, "fails-once": ("temporary", "simulated_failure", None, False), "busy": ("temporary", "429", 90.0, False),
        }
        assert second == {**lasting, "fails-once": delivered, "busy": delivered}

    def test_the_slow_one_takes_two_seconds_and_keeps_nobody_else(self, channel: Channel) -> None:
        started = time.monotonic()
        addresses = ["slow@example.org", *(f"person{number}@example.org" for number in range(15))]
        outcomes = channel.send([self.message(address, number) for number, address in enumerate(addresses)])
        assert time.monotonic() - started >= simulator.SLOW
        assert outcomes[0].telling.duration_ms >= 1900
        assert max(outcome.telling.duration_ms for outcome in outcomes[1:]) < 1500

    def test_the_table_of_the_docstring_is_the_table_of_the_code(self) -> None:
        words = simulator.__doc__ or ""
        for one in MAGIC:
            assert f"| {one.word}@..." in words
            assert f"| {one.digits} " in words
            assert f"| {one.word}- " in words
