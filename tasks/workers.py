"""`python -m tasks.workers N`: one worker in this process, or N in processes of their own that are replaced when they die."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tasks import worker
from tasks.config import load
from tasks.logs import init_logging

REST = 1.0  # seconds before a worker that died is replaced
LOOK_EVERY = 0.2  # seconds
log = logging.getLogger(__name__)


class Fleet:
    """N workers in processes of their own. A signal to end goes to all of them; a second one too, and they hurry."""

    def __init__(self, size: int, command: Sequence[str]) -> None:
        self.command = list(command)
        self.running: list[subprocess.Popen[bytes]] = []
        self.size = size
        self.ending = False

    def run(self) -> int:
        """Keep them running until a signal. Returns the exit status: 0 where all of them ended well."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while not self.ending:
            self._fill()
            time.sleep(LOOK_EVERY)
        statuses = [child.wait() for child in self.running]
        return int(any(status not in (0, -signal.SIGTERM) for status in statuses))  # the latter: it had not even started

    def _fill(self) -> None:
        lost = [child for child in self.running if child.poll() is not None]
        for child in lost:
            log.error("worker %d ended with status %d; another one takes its place", child.pid, child.returncode)
            self.running.remove(child)
        if lost:
            time.sleep(REST)
        while len(self.running) < self.size and not self.ending:
            # A group of its own: a terminal's Ctrl-C reaches them through us alone, and once.
            self.running.append(subprocess.Popen(self.command, process_group=0))  # noqa: S603

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self.ending = True
        for child in self.running:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)


def main() -> int:
    """Run as many workers as the first argument says."""
    config = load()
    init_logging(config)
    os.environ["TZ"] = "UTC"
    time.tzset()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    if count > 1:
        return Fleet(count, [sys.executable, "-P", "-m", "tasks.workers"]).run()
    worker.run(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
