"""npm's socket.io-client in a node process. It is installed once, into the system's temporary directory."""

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

CURRENT, OLD = "socket.io-client", "socket.io-client-2"
PACKAGES = ("socket.io-client@4.8.4", "socket.io-client-2@npm:socket.io-client@2.5.0")
FOLDER = Path(os.environ.get("CARILLON_TEST_NPM", Path(tempfile.gettempdir()) / "carillon-test-npm"))
SCRIPT = Path(__file__).with_name("socket_client.mjs")


def installed() -> Path:
    """The folder with the packages. Skips the test where there is no node, or npm cannot get them."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    if all((FOLDER / "node_modules" / name / "package.json").exists() for name in (CURRENT, OLD)):
        return FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not get socket.io-client within 90 s")
    if done.returncode:
        pytest.skip(f"npm could not get socket.io-client: {done.stderr.strip().splitlines()[-1:]}")
    return FOLDER


class NodeEar:
    """One client. Everything it hears is in `heard`, in order."""

    def __init__(self, url: str, auth: dict[str, Any], *, package: str = CURRENT, **options: Any) -> None:
        given = {"folder": str(installed()), "package": package, "url": url, "auth": auth, "options": options}
        command = ["node", str(SCRIPT), json.dumps(given)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.heard: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def wait(self, event: str, timeout: float = 20) -> Any:
        """The data of the next such event, whatever others come between; those are kept for their own `wait`."""
        deadline = time.monotonic() + timeout
        while True:
            for found in self._waiting:
                if found["event"] == event:
                    self._waiting.remove(found)
                    return found.get("data")
            try:
                found = self._lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                raise AssertionError(f"no {event!r}; heard {self.heard}") from None
            self.heard.append(found)
            self._waiting.append(found)

    def tell(self, **order: Any) -> None:
        """Give the client an order: emit=..., data=...; connect=auth; close=True."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._reader.join(5)
        self._process.stdout.close()
