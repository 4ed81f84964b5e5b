"""Pause, resume and cancel at any moment: what goes out after the acknowledgement is one hand-over a worker, and nothing is lost.

The long form is `pytest -m long tests/tasks/test_stopping.py`: worker processes, 20,000 mails, 20 presses, 6 kills.
"""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from tasks import broadcasts, control, jobs, rounds
from tasks.database import reading
from tasks.extensions import db
from tasks.models import Broadcast, Delivery
from tasks.models.delivery import IN_HAND
from tasks.models.words import CANCELLED, COMPLETED, PAUSED
from tasks.options import SendOptions
from tasks.proof import export, prove
from tasks.public_id import DELIVERY, encode
from tests import factories
from tests.chaos.processes import Workers
from tests.peers.record import ids
from tests.peers.smtp_sink import SmtpSink

CHECK = Path(__file__).resolve().parents[2] / "static" / "check_proof.py"
MOST = 32  # mails of one worker after the acknowledgement, whatever its provider's hand-over is
QUIET = 0.05  # seconds in which nothing may arrive once nothing is in hand


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "accepted"


@pytest.fixture
def settings(record: Path) -> Iterator[dict[str, object]]:
    with SmtpSink(record, keep=False) as sink:
        yield {"smtp_url": f"smtp://127.0.0.1:{sink.port}", "mail_from": "Bell <bell@example.test>"}


@contextmanager
def threads(app: Flask, count: int) -> Iterator[None]:
    """Workers that serve the e-mail lanes until the end of the block."""
    end = threading.Event()

    def work() -> None:
        with app.app_context():
            while not end.is_set():
                if not jobs._round("email"):
                    time.sleep(0.005)
                    broadcasts.finish()

    running = [threading.Thread(target=work) for _ in range(count)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in running:
            thread.join(20)


def start(mails: int) -> int:
    factories.template()
    factories.rule()
    factories.people(mails)
    pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
    jobs.expand_broadcast.call_local(pk)
    return pk


def state(pk: int) -> str:
    db.session.rollback()
    return db.session.get_one(Broadcast, pk, populate_existing=True).state


def in_hand() -> int:
    with reading() as connection:
        return connection.scalar(select(func.count()).select_from(Delivery).where(IN_HAND)) or 0


def afterwards(record: Path, answered: int) -> int:
    """How many mails go out after an answer that said that it stops: until nothing is in hand; and then none."""
    until(lambda: not in_hand(), 20)
    still = len(ids(record))
    time.sleep(QUIET)
    assert len(ids(record)) == still, "it goes on after it was stopped"
    return still - answered


def press(pk: int, record: Path, dice: random.Random, *, workers: int, presses: int, length: float) -> list[int]:
    """Pause and resume at random until it is completed or `presses` are spent. Returns what went out after each answer."""
    after = []
    for _ in range(presses):
        time.sleep(dice.uniform(0, length))
        if state(pk) == COMPLETED:
            break
        control.pause(pk, "asha")
        after.append(afterwards(record, len(ids(record))))
        assert state(pk) == PAUSED
        control.resume(pk, "asha")
    assert max(after, default=0) <= MOST * workers, after
    return after


def check(pk: int, record: Path, mails: int) -> Counter[str]:
    """The law, by the rows and by the server's own record."""
    accepted = ids(record)
    rows = factories.deliveries("email")
    by_state = Counter(row.state for row in rows)
    assert len(accepted) == len(set(accepted)), "a mail went out twice"
    named = {state: {str(encode(DELIVERY, row.pk)) for row in rows if row.state == state} for state in ("sent", "unknown")}
    assert named["sent"] <= set(accepted) <= named["sent"] | named["unknown"]
    assert by_state.total() == mails
    proof = prove(pk)
    assert proof.holds, [clause for clause in proof.clauses if not clause.holds]
    assert proof.at_rest
    return by_state


def until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_at_any_moment(any_app: Flask, record: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice, mails = random.Random(seed), 250
    ending = dice.choice([COMPLETED, CANCELLED])
    pk = start(mails)
    with threads(any_app, 2):
        after = press(pk, record, dice, workers=2, presses=3, length=0.08)
        if ending == CANCELLED and state(pk) != COMPLETED:
            control.cancel(pk, "bina")
            answered = len(ids(record))
            control.sweep_cancelled(pk, 1)
            assert afterwards(record, answered) <= MOST * 2
        until(lambda: state(pk) in {COMPLETED, CANCELLED}, 60)
    found = check(pk, record, mails)
    assert set(found) <= {"sent", "cancelled"}, found
    assert after, "it was over before anybody could press"


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_worker_processes_at_any_moment_killed_too_and_the_proof_by_the_servers_own_log(
    any_app: Flask, sqlite_settings: dict[str, object], settings: dict[str, object], record: Path, tmp_path: Path, seed: int
) -> None:
    mails, workers, dice = 20_000, 3, random.Random(seed)
    pk = start(mails)
    database = any_app.extensions["carillon.settings"].database_url
    shared = {**sqlite_settings, **settings, **({"database_url": database} if database else {})}
    running = Workers(shared, workers, tmp_path / "workers.log")

    def finished() -> bool:
        return state(pk) == COMPLETED and not in_hand()

    try:
        until(lambda: bool(ids(record)), 60)
        after = press(pk, record, dice, workers=workers, presses=20, length=0.4)
        for _ in range(6):
            time.sleep(dice.uniform(0, 1))
            running.replace(running.victim(dice))
        until(finished, 600)
        first = check(pk, record, mails)
        told = script(pk, record, tmp_path)
        if rounds.choices(pk):
            rounds.finish(pk, rounds.EVERYTHING, "asha")
            until(finished, 120)
            told += script(pk, record, tmp_path)
    finally:
        running.end()
    print(f"seed {seed}: {len(after)} pauses, mails after them {sorted(after)}, then 6 kills: {dict(first)}", told, sep="\n")


def script(pk: int, record: Path, folder: Path) -> str:
    """What a stranger's script says of the rows and the server's record."""
    path = folder / "rows.ndjson"
    with path.open("w") as file:
        file.writelines(export(pk))
    done = subprocess.run(
        [sys.executable, str(CHECK), str(path), "--log", str(record)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
