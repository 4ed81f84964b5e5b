"""Real processes for tests that kill them: workers in process groups of their own, the providers, and the waiting between."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.peers.program import STARTS_WITHIN

READY_AFTER = 2.0  # seconds: who has run that long is at work, and worth killing


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """The environment of a process with these settings."""
    return {**os.environ, "TZ": "UTC", **{f"CARILLON_{name.upper()}": str(value) for name, value in settings.items()}}


class Workers:
    """Worker processes that can be killed and replaced. `hosts`: each passes for a machine of its own."""

    def __init__(
        self, settings: Mapping[str, object], count: int, log: Path, *, constants: Sequence[str] = (), hosts: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log.open("ab")
        self._environment = {**environment(settings), **(extra or {})}
        self._constants, self._hosts = constants, hosts
        self.slowest_end = 0.0  # seconds that a replaced worker took to end
        self.running = [self._start(number) for number in range(count)]
        self._since = [time.monotonic()] * count

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        host = ["--host", f"host-{number}"] if self._hosts else []
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker", *host, *self._constants], env=self._environment,
            stdout=self._log, stderr=self._log, process_group=0,
        )

    def replace(self, number: int, sent: signal.Signals = signal.SIGKILL) -> None:
        """End one worker's process group by a signal, wait until it is gone, and start another in its place."""
        victim, asked = self.running[number], time.monotonic()
        os.killpg(victim.pid, sent)
        victim.wait(60)
        self.slowest_end = max(self.slowest_end, time.monotonic() - asked)
        self.running[number] = self._start(number)
        self._since[number] = time.monotonic()

    def victim(self, chance: Random) -> int:
        """One of them at random, rather one that is at work than one that only starts."""
        ready = [number for number, since in enumerate(self._since) if time.monotonic() - since > READY_AFTER]
        return chance.choice(ready or range(len(self.running)))

    def end(self) -> None:
        """Kill them all."""
        for worker in self.running:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        self._log.close()


class Providers:
    """The providers' process. `down` kills it, `up` starts it on the same ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Providers":
        self.up()
        return self

    def __exit__(self, *_error: object) -> None:
        self.down()

    def up(self) -> None:
        """Start, and wait until both listen."""
        self._process = subprocess.Popen([sys.executable, "-m", "tests.chaos.providers", str(self.folder)])
        until(lambda: (self.folder / "providers.json").exists(), STARTS_WITHIN)
        until(lambda: all(answers(port) for port in self._ports().values()), STARTS_WITHIN)

    def down(self) -> None:
        """Kill it: from now on connections are refused."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def settings(self) -> dict[str, object]:
        """The settings that lead to them."""
        ports = self._ports()
        return {
            "smtp_url": f"smtp://127.0.0.1:{ports['smtp']}", "mail_from": "Bell <bell@example.test>",
            "sparrow_url": f"http://127.0.0.1:{ports['sparrow']}/v2/", "sparrow_token": "v2_a-sparrow-token",
            "sparrow_from": "Bell",
        }

    def _ports(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.folder / "providers.json").read_text())
        return found


@contextmanager
def smtp_sink(record: Path) -> Iterator[int]:
    """A counting SMTP server in its own process: each accepted id is in the file before the server answers. Yields its port."""
    port = free_port()
    command = (sys.executable, "-m", "tests.peers.smtp_sink", "--port", str(port), "--log", str(record))
    with process(*command, stdout=subprocess.DEVNULL):
        until(lambda: answers(port), STARTS_WITHIN)
        yield port


@contextmanager
def process(*command: str, **options: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A process group that is killed at the end."""
    started = subprocess.Popen(command, process_group=0, **options)  # type: ignore[call-overload]
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def until(true: Callable[[], bool], seconds: float, words: str | Callable[[], str] = "it never came true") -> None:
    """Wait until it is true; AssertionError with `words` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{words if isinstance(words, str) else words()} ({seconds} s)"
        time.sleep(0.02)


def answers(port: int) -> bool:
    """True where somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
