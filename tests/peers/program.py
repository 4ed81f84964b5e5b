"""The product as a user runs it: `carillon ...` in a process of its own, in a home of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import requests

STARTS_WITHIN = 90  # seconds: a loaded machine imports slowly


def clean_environment(folder: Path, **settings: object) -> dict[str, str]:
    """The environment of a new user: no CARILLON_ variable but these, nothing of the tests, and an own $HOME."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "FLASK_", "GUNICORN_"))}
    kept.pop("XDG_RUNTIME_DIR", None)
    given = {f"CARILLON_{name.upper()}": str(value) for name, value in settings.items()}
    return {**kept, "HOME": str(folder), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **given}


def run(folder: Path, *arguments: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. `folder` is where it is run from."""
    return subprocess.run(
        command(arguments), cwd=folder, env=clean_environment(folder, **settings), capture_output=True, text=True,
        timeout=STARTS_WITHIN, stdin=subprocess.DEVNULL,
    )


def command(arguments: Sequence[str]) -> list[str]:
    """`carillon` of this very environment."""
    return [str(Path(sys.executable).with_name("carillon")), *arguments]


class Program:
    """A command that goes on running. Everything it says is in `said()`."""

    def __init__(self, folder: Path, *arguments: str, **settings: object) -> None:
        self.log = folder / "said.txt"
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                command(arguments), cwd=folder, env=clean_environment(folder, **settings), stdout=file, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)

    def said(self) -> str:
        """Everything so far, stdout and stderr."""
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, pattern: str) -> str:
        """Wait until it has said something like this; returns the first group."""
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            found = re.search(pattern, self.said(), re.MULTILINE)
            if found:
                return found[1] if found.groups() else found[0]
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said()}"
            assert time.monotonic() < deadline, f"it never said {pattern!r}: {self.said()}"
            time.sleep(0.05)

    def url(self) -> str:
        """The address it serves at, once it does."""
        return self.wait_for(r"Dashboard +(http://\S+?)/$")

    def stop(self, signum: signal.Signals = signal.SIGTERM, within: float = 40) -> int:
        """Send the signal as a terminal or systemd would, and wait. Returns the exit status."""
        self.process.send_signal(signum)
        return self.process.wait(within)

    def children(self) -> list[int]:
        """The pids of its child processes."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]


def answer(url: str, key: str, path: str, body: object = None) -> "requests.Response":
    """Ask the API."""
    headers = {"Authorization": f"Bearer {key}"}
    return requests.request("GET" if body is None else "POST", url + path, json=body, headers=headers, timeout=30)
