"""One broadcast under trouble: made, disturbed by a scenario, brought to rest, judged, and told in one line."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from flask import Flask
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from dashboard import create_app
from tasks import channels, control, jobs, queue
from tasks.database import reading
from tasks.errors import WrongState
from tasks.extensions import db
from tasks.models import Broadcast, Recipient
from tasks.options import SendOptions
from tasks.send import broadcast
from tests import factories
from tests.chaos import law
from tests.chaos.processes import Providers, Workers, until

DAYS = 86_400.0
HEADINGS = ("scenario", "database", "seed", "faults", "people", "lost", "doubled", "unknown", "seconds")


@dataclass(frozen=True)
class Store:
    """Where a run lives: `settings` of a migrated, empty installation."""

    name: str
    settings: Mapping[str, object]


@dataclass(frozen=True)
class Line:
    """The result of one run. `note`: what else was measured."""

    scenario: str
    database: str
    seed: int
    faults: str
    people: int
    lost: int
    doubled: int
    unknown: int
    seconds: float
    note: str = ""
    breaches: tuple[str, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """The columns of HEADINGS."""
        return (
            self.scenario, self.database, str(self.seed), self.faults, str(self.people), str(self.lost), str(self.doubled),
            str(self.unknown), f"{self.seconds:.0f}",
        )

    def __str__(self) -> str:
        named = ", ".join(f"{name} {value}" for name, value in zip(HEADINGS[1:], self.cells()[1:], strict=True))
        return "; ".join(filter(None, [f"{self.scenario}: {named}", self.note, *self.breaches]))


@dataclass
class Run:
    """What a scenario works with. Use it as a context: it ends everything that it started."""

    scenario: str
    store: Store
    folder: Path
    people: int
    seed: int
    patience: float = 120.0  # seconds until rest
    outside: Sequence[str] = ("email",)
    faults: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self._stack = ExitStack()
        self._started = time.monotonic()
        self._workers: Workers | None = None
        self.allowed_doubt = 0

    def __enter__(self) -> "Run":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.providers = self._stack.enter_context(Providers(self.folder))
        self.settings = {**self.store.settings, **self.providers.settings()}
        self.app: Flask = create_app(**self.settings)
        self._stack.callback(self._close)
        self._stack.enter_context(self.app.app_context())
        factories.empty()
        factories.template()
        factories.rule(channels=self.outside, retry_delays=[1, 2, 3])
        _people(self.people)
        return self

    def __exit__(self, *error: object) -> None:
        if self._workers is not None:
            self._workers.end()
        self._stack.close()

    def _close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        queue.huey.storage.close()

    @property
    def workers(self) -> Workers:
        """The workers of `work`."""
        assert self._workers is not None
        return self._workers

    @property
    def records(self) -> dict[str, Path]:
        """What the providers accepted, by channel."""
        return {channel: self.folder / f"{channel}.log" for channel in self.outside}

    def work(self, count: int, *constants: str, hosts: bool = False, extra: Mapping[str, str] | None = None) -> None:
        """Start workers in process groups of their own."""
        self._workers = Workers(
            self.settings, count, self.folder / "workers.log", constants=constants, hosts=hosts, extra=extra
        )

    def send(self) -> None:
        """Start the broadcast to everybody."""
        self.pk = broadcast("all", "payment_success", amount=1, options=SendOptions(expires_in=5 * DAYS, actor="chaos")).pk
        db.session.remove()
        self._started = time.monotonic()

    def progress(self) -> float:
        """From 0 (nothing done) to 1 (every row written, every message accepted)."""
        try:
            with reading() as connection:
                written = connection.scalar(select(Broadcast.expanded_count).where(Broadcast.pk == self.pk)) or 0
        except OperationalError:  # the database is away, or came back this very second: nothing is known of it yet
            return 0.0
        return (written + sum(map(self.accepted, self.outside))) / (self.people * (1 + len(self.outside)))

    def accepted(self, channel: str = "email") -> int:
        """How many messages a provider has taken."""
        path = self.records[channel]
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def along(self, times: int, fault: Callable[[int], None], *, start: float = 0.02, end: float = 0.9) -> None:
        """Do `fault` `times` times at random points of the broadcast's progress."""
        for number, point in enumerate(sorted(self.chance.uniform(start, end) for _ in range(times))):
            until(lambda point=point: self.progress() >= point, self.patience, self.said)  # type: ignore[misc]
            fault(number)
            self.faults += 1

    def kill(self, *_number: int) -> None:
        """SIGKILL one worker; a hand-over of each channel may be in doubt then."""
        self.workers.replace(self.workers.victim(self.chance))
        self.allow_doubt(1)

    def allow_doubt(self, processes: int) -> None:
        """So many processes may each leave one hand-over of every channel in doubt."""
        self.allowed_doubt += processes * sum(channels.provider(channel).batch for channel in self.outside)

    def add(self, line: Line, *breaches: Sequence[str]) -> Line:
        """A result with what else was found wrong, and with the notes of now."""
        every = (*line.breaches, *(breach for some in breaches for breach in some))
        return replace(line, breaches=every, note=", ".join(self.notes))

    def integrity(self) -> list[str]:
        """What SQLite says of its own file, where it is not ok."""
        with reading() as connection:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def hold(self, *_number: int) -> None:
        """Pause the broadcast, wait a little, resume it."""
        with suppress(WrongState):  # it was over before
            control.pause(self.pk, "chaos")
            time.sleep(self.chance.uniform(0.05, 0.3))
            control.resume(self.pk, "chaos")
        jobs.wake_broadcast(self.pk)

    def rest(self) -> Line:
        """Wait until nothing is open any more and judge."""
        until(self._at_rest, self.patience, self.said)
        seconds = time.monotonic() - self._started
        time.sleep(0.2)  # a mail that a killed worker had sent whole may just be being accepted
        verdict = law.judge(self.pk, self.people, self.records)
        breaches = list(verdict.breaches)
        if verdict.unknown > self.allowed_doubt:
            breaches.append(f"{verdict.unknown} in doubt, and at most {self.allowed_doubt} were in the air")
        return Line(
            self.scenario, self.store.name, self.seed, str(self.faults), self.people, verdict.lost, verdict.doubled,
            verdict.unknown, seconds, ", ".join(self.notes), tuple(breaches),
        )

    def _at_rest(self) -> bool:
        with reading() as connection:
            state = connection.scalar(select(Broadcast.state).where(Broadcast.pk == self.pk))
        return state == "completed" and not law.open_rows()

    def said(self) -> str:
        """How far it is, for the message of a run that never came to rest."""
        with reading() as connection:
            state = connection.scalar(select(Broadcast.state).where(Broadcast.pk == self.pk))
        log = self.folder / "workers.log"
        last = log.read_text(errors="replace")[-2_000:] if log.exists() else ""
        return f"seed {self.seed}: {state}, {law.open_rows()} rows open, progress {self.progress():.2f}; {last}"


def _people(count: int) -> None:
    rows = [
        {
            "external_id": str(n), "name": f"Person {n}", "email": f"u{n}@example.test", "phone": f"+977{9_841_000_000 + n}",
            "attributes": {}, "is_active": True,
        }
        for n in range(count)
    ]
    with db.engine.begin() as connection:
        for start in range(0, count, 5_000):
            connection.execute(insert(Recipient), rows[start : start + 5_000])
