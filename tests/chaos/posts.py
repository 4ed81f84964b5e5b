"""Clients of the API that never give up: POST /notify/ with an idempotency key until it is answered well."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection

import requests
from sqlalchemy import func, select

from dashboard.keys import create_key
from tasks.database import reading
from tasks.models import Delivery, IdempotencyKey, Notification
from tests.chaos.processes import answers, environment, free_port, until
from tests.chaos.run import Run
from tests.peers.program import STARTS_WITHIN

CLIENTS = 4


class Web:
    """The web process: `carillon up` on SQLite (its worker inside), gunicorn beside workers on PostgreSQL."""

    def __init__(self, run: Run, *, embedded: bool) -> None:
        self.port = free_port()
        self._log = (run.folder / "web.log").open("ab")
        self._environment = environment(run.settings)
        carillon = os.path.join(os.path.dirname(sys.executable), "carillon")
        self._command = (
            [carillon, "up", "--port", str(self.port)]
            if embedded
            else [
                sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "-w", "1", "--threads", "20",
                "--no-control-socket", "--log-level", "warning", "wsgi:app",
            ]
        )
        self.start()

    def start(self) -> None:
        """Start; it answers some time later."""
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, process_group=0
        )

    def kill(self) -> None:
        """SIGKILL the whole process group."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        """For good."""
        self.kill()
        self._log.close()


class Poster:
    """Clients that post until each key has a 2xx. Use it as a context: at its end every client has its last answer."""

    def __init__(self, run: Run, *, embedded: bool = False, posts: int = 0) -> None:
        self._run = run
        self._posts = posts  # for each client; 0: until the context ends
        self._key = create_key("chaos", ["send"], actor="chaos")[1]
        self.web = Web(run, embedded=embedded)
        self._ended = threading.Event()
        self.answers: dict[str, str] = {}  # key: notification id
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._threads = [threading.Thread(target=self._client, args=(number,), daemon=True) for number in range(CLIENTS)]

    def __enter__(self) -> "Poster":
        try:
            until(lambda: answers(self.web.port), STARTS_WITHIN, "the web process never listened")
        except AssertionError:
            self.web.end()  # nobody else would: it would go on beside all tests that follow
            raise
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(40)
        self.web.end()

    def join(self, seconds: float) -> None:
        """Wait until each client has made all its posts."""
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), f"a client still waits; answers: {dict(self.statuses)}"

    def _client(self, client: int) -> None:
        number = 0
        with requests.Session() as session:
            while not self._ended.is_set() and (not self._posts or number < self._posts):
                self._until_taken(session, f"{client}-{number}", number)
                number += 1

    def _until_taken(self, session: requests.Session, key: str, number: int) -> None:
        body = {"template_name": "payment_success", "data": {"amount": number}, "recipient": {"id": str(number % 50)}}
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": key}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = session.post(f"http://127.0.0.1:{self.web.port}/notify/", json=body, headers=headers, timeout=15)
            except requests.RequestException:
                self.statuses[0] += 1
                time.sleep(0.05)
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 202:
                self._keep(key, answer.json()["notification_id"])
                return
            if answer.status_code == 503 and "Retry-After" not in answer.headers:
                self.wrong.append("a 503 without Retry-After")
            time.sleep(0.1)
        self.wrong.append(f"{key} was never taken")

    def _keep(self, key: str, found: str) -> None:
        if self.answers.setdefault(key, found) != found:
            self.wrong.append(f"{key} was answered twice, differently")

    def verdict(self, refused: Collection[int] = ()) -> list[str]:
        """Every key one notification, with its rows; only these refusals. Returns what is wrong, and notes what came."""
        breaches = list(self.wrong)
        with reading() as connection:
            single = Notification.broadcast_id.is_(None)
            messages = connection.scalar(select(func.count()).select_from(Notification).where(single)) or 0
            keys = connection.scalar(select(func.count()).select_from(IdempotencyKey)) or 0
            rows = connection.scalar(select(func.count()).select_from(Delivery).where(Delivery.broadcast_id.is_(None))) or 0
        channels = 1 + len(self._run.outside)
        if not len(self.answers) == messages == keys or rows != messages * channels:
            breaches.append(f"{len(self.answers)} keys answered, {keys} kept, {messages} messages, {rows} rows")
        strange = {status: count for status, count in self.statuses.items() if status not in {0, 202, *refused}}
        if strange:
            breaches.append(f"the API answered {strange}")
        self._run.notes.append(f"{len(self.answers)} posts taken, {self.statuses[503]} x 503, {self.statuses[500]} x 500")
        return breaches
