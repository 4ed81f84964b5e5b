"""What the base does for every provider: order, threads, errors into outcomes, secrets out of them."""

import threading

import pytest

from tasks.channels.base import Channel, ChannelError, Message, Outcome, Receipt, Target, TargetResult, mask
from tasks.config import Settings


class Scripted(Channel):
    """A provider that does what the address says."""

    name = "scripted"
    channel = "email"
    concurrency = 3

    def __init__(self) -> None:
        super().__init__(Settings())
        self.threads: set[str] = set()
        self.barrier: threading.Barrier | None = None

    def send_one(self, message: Message, target: Target) -> Receipt:
        self.threads.add(threading.current_thread().name)
        if self.barrier:
            self.barrier.wait(5)
        if target.address == "bug":
            raise KeyError("a bug with hunter2 in it")
        if target.address != "fine":
            raise ChannelError(f"hunter2 {'x' * 1000}", status="temporary", code=target.address, retry_after=3)
        return Receipt("hunter2 accepted", "ref", "250")

    def secrets(self) -> list[str]:
        return ["", "hunter2"]


def message(number: int, *addresses: str) -> Message:
    return Message(number, f"ref-{number}", "email", tuple(Target(address) for address in addresses), "t", "x")


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("carillon-scripted")]


def test_results_stand_in_the_order_of_messages_and_targets() -> None:
    channel = Scripted()
    outcomes = channel.send([message(1, "fine", "late"), message(2, "bug"), message(3, "fine")])
    channel.close()
    assert [outcome.delivery_id for outcome in outcomes] == [1, 2, 3]
    assert [[result.status for result in outcome.results] for outcome in outcomes] == [
        ["sent", "temporary"], ["unknown"], ["sent"],
    ]
    assert outcomes[0].telling.code == "late"
    assert outcomes[0].retry_after == 3
    assert outcomes[1].telling.code == "KeyError"


def test_secrets_and_endless_words_stay_out() -> None:
    channel = Scripted()
    results = [outcome.telling for outcome in channel.send([message(1, "fine"), message(2, "late"), message(3, "bug")])]
    channel.close()
    assert [result.response[:9] for result in results] == ["[secret] ", "[secret] ", "'a bug wi"]
    assert all("hunter2" not in result.response and len(result.response) <= 500 for result in results)


def test_as_many_are_in_the_air_as_concurrency_says() -> None:
    channel = Scripted()
    channel.barrier = threading.Barrier(3)  # breaks unless three are in the air at once
    assert {outcome.status for outcome in channel.send([message(n, "fine") for n in range(6)])} == {"sent"}
    assert len(channel.threads) == 3
    channel.send([message(n, "fine") for n in range(6)])
    assert len(own_threads()) == 3  # the same ones
    channel.close()
    assert not own_threads()


def test_a_single_one_stays_in_its_callers_thread() -> None:
    channel = Scripted()
    channel.send([message(1, "fine")])
    assert channel.threads == {threading.current_thread().name}


@pytest.mark.parametrize("error", [ChannelError("no", status="configuration", code="settings"), RuntimeError("a bug")])
def test_a_preparation_that_fails_is_everybodys_outcome(error: Exception) -> None:
    class Unprepared(Scripted):
        def prepare(self) -> None:
            raise error

    channel = Unprepared()
    outcomes = channel.send([message(1, "fine", "fine"), message(2, "fine")])
    expected = "configuration" if isinstance(error, ChannelError) else "temporary"
    assert [[result.status for result in outcome.results] for outcome in outcomes] == [[expected] * 2, [expected]]
    assert not channel.threads


@pytest.mark.parametrize(
    ("statuses", "telling"),
    [
        (["sent", "sent"], "sent"), (["sent", "permanent"], "sent"), (["permanent", "permanent"], "permanent"),
        (["sent", "temporary"], "temporary"), (["temporary", "unknown", "sent"], "unknown"),
        (["configuration", "temporary"], "configuration"),
    ],
)
def test_the_status_of_a_message_is_the_most_telling_of_its_targets(statuses: list[str], telling: str) -> None:
    results = tuple(TargetResult(Target(str(n)), status) for n, status in enumerate(statuses))  # type: ignore[arg-type]
    outcome = Outcome(1, results)
    assert outcome.status == telling
    assert outcome.telling.status == telling


@pytest.mark.parametrize(
    ("address", "masked"),
    [("sita@example.org", "si…@example.org"), ("+9779841234567", "+977…567"), ("abc", "ab…"), ("", "…")],
)
def test_an_address_is_masked(address: str, masked: str) -> None:
    assert mask(address) == masked
