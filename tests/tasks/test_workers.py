"""Several workers under one parent, and what a worker makes of being asked to end twice."""

import signal
import sys
import threading
import time

import pytest
from flask import Flask

from tasks import worker, workers


@pytest.fixture(autouse=True)
def own_handlers() -> None:
    """Put the signal handlers back that a fleet installs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fleet_of(size: int, code: str) -> workers.Fleet:
    return workers.Fleet(size, [sys.executable, "-c", code])


def end_soon(fleet: workers.Fleet, condition) -> threading.Thread:
    """Ask the fleet to end as soon as the condition holds."""

    def wait() -> None:
        deadline = time.monotonic() + 30
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        signal.raise_signal(signal.SIGTERM)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_all_end_well_when_it_is_asked_to_end() -> None:
    fleet = fleet_of(2, "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()")
    waiting = end_soon(fleet, lambda: len(fleet.running) == 2 and time.sleep(0.5) is None)

    status = fleet.run()

    waiting.join()
    assert status == 0
    assert [child.returncode for child in fleet.running] == [0, 0]


def test_one_that_ended_badly_shows_in_the_status() -> None:
    fleet = fleet_of(1, "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); signal.pause()")
    waiting = end_soon(fleet, lambda: bool(fleet.running) and time.sleep(0.5) is None)

    assert fleet.run() == 1
    waiting.join()


def test_one_that_dies_is_replaced_after_a_rest(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(workers, "REST", 0.01)
    monkeypatch.setattr(workers, "LOOK_EVERY", 0.01)
    fleet = fleet_of(1, "import sys; sys.exit(7)")
    waiting = end_soon(fleet, lambda: caplog.text.count("ended with status 7") >= 2)

    fleet.run()

    waiting.join()
    assert caplog.text.count("ended with status 7") >= 2


def test_two_requests_at_once_are_one_and_a_later_one_hurries(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = worker.Worker(app)

    consumer._handle_signal(signal.SIGTERM, None)
    consumer._handle_signal(signal.SIGTERM, None)
    monkeypatch.setattr(worker, "ONE_REQUEST", -1.0)

    with pytest.raises(KeyboardInterrupt):
        consumer._handle_signal(signal.SIGINT, None)
    assert (consumer._signum, consumer._graceful, consumer._restart) == (signal.SIGTERM, True, False)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_every_way_of_asking_means_a_graceful_end(app: Flask, signum: signal.Signals) -> None:
    assert worker.Worker(app)._signal_actions[signum] == (False, True)
