"""The worker: a Huey consumer on a bare Flask app, or inside the web process; and the tick that finds what wake-ups lost."""

import logging
import os
import signal
import time
from types import FrameType
from typing import Any

from flask import Flask
from huey.consumer import Consumer, Scheduler
from sqlalchemy.exc import SQLAlchemyError

from tasks import jobs
from tasks.config import Settings
from tasks.ledger import processes
from tasks.ledger.steps import Steps
from tasks.live import init_live
from tasks.queue import huey
from tasks.setup import init_app

log = logging.getLogger(__name__)
REAP_EVERY = 5.0  # seconds
ONE_REQUEST = 1.0  # seconds: a supervisor and the fleet's parent may both pass on the same request to end
LAST = 2.0  # seconds for each job that ran beside the queue, after those of the queue were waited for
THREADS = 11  # two a channel, two for broadcasts that expand (jobs.EXPANDING), one each for webhooks, figures and imports


class Ticker(Scheduler):  # type: ignore[misc]
    """Huey's scheduler thread, which also looks at the ledger once a second."""

    app: Flask
    steps: Steps
    _reaped = _beaten = 0.0

    def loop(self, now: Any = None) -> None:
        try:
            with self.app.app_context():
                self._look()
        except SQLAlchemyError as error:
            log.warning("the database is away; looking again in a second: %s", str(error).partition("\n")[0])
        except Exception:  # this thread is what finds everything that was lost: it must outlive whatever it meets
            log.exception("a look at the ledger failed; looking again in a second")
        super().loop(now)

    def _look(self) -> None:
        moment = time.monotonic()
        self.steps.look()
        if moment - self._beaten > processes.HEARTBEAT:
            processes.current_process_id()
            processes.heartbeat()
            self._beaten = moment
        if moment - self._reaped > REAP_EVERY:
            jobs.reap_orphans()
            self._reaped = moment
        jobs.tick()


class Worker(Consumer):  # type: ignore[misc]
    """A consumer whose scheduler ticks. `embedded`: in the web process, which keeps the signals to itself."""

    scheduler_class = Ticker
    _signum: int | None

    def __init__(self, app: Flask, *, threads: int = THREADS, embedded: bool = False) -> None:
        self.app = app
        self.embedded = embedded
        self.steps = Steps()
        jobs.stopping.clear()
        super().__init__(
            huey,
            workers=threads,
            initial_delay=0.1,  # both only count while the queue cannot be read: its storage waits by itself
            max_delay=1.0,
            scheduler_interval=1,
            graceful_signal="TERM",
            shutdown_timeout=25,
        )
        # Huey would drop what is in hand on one of these, and start itself anew on another.
        self._signal_actions = dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), (False, True))
        self._asked = 0.0  # when the first of them came

    def _create_scheduler(self) -> Ticker:
        ticker: Ticker = super()._create_scheduler()
        ticker.app, ticker.steps = self.app, self.steps
        return ticker

    def _set_signal_handlers(self) -> None:
        if not self.embedded:
            super()._set_signal_handlers()

    def _handle_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._signum is None:
            self._signum, self._asked = signum, time.monotonic()
        elif time.monotonic() - self._asked > ONE_REQUEST:
            raise KeyboardInterrupt

    def start(self) -> None:
        """Start the threads. The first look at the ledger follows at once: what a crash left is picked up."""
        self._set_signal_handlers()  # before it is on record: who is asked to end from here on says goodbye
        with self.app.app_context():
            processes.current_process_id()
            self.steps.begin()
        super().start()

    def stop(self, graceful: bool = False) -> None:
        """End: loops leave between two hand-overs and give back what they had not handed over."""
        jobs.stopping.set()
        super().stop(graceful)
        for thread in jobs.beside:
            thread.join(LAST)
        if not self.is_stuck():
            jobs.stopping.clear()  # nobody looks at it any more, and another worker may start in this process
        try:
            with self.app.app_context():
                processes.end()
        except SQLAlchemyError as error:  # others on this host see that the pid is gone, those elsewhere its silence
            log.warning("the end of this process could not be written: %s", str(error).partition("\n")[0])

    def is_stuck(self) -> bool:
        """True where a thread still works although it was asked to end."""
        return any(thread.is_alive() for thread in (*(thread for _, thread in self.worker_threads), *jobs.beside))


def worker_app(config: Settings) -> Flask:
    """A bare Flask app that can send: no dashboard, no API, no sockets of its own."""
    app = Flask("carillon-worker")
    app.extensions["carillon.kind"] = "worker"
    init_app(app, config)
    init_live(app, server=False)
    return app


def run(config: Settings, *, threads: int = THREADS) -> None:
    """Run a worker process until SIGTERM or SIGINT; a second signal does not wait for what is in hand."""
    worker = Worker(worker_app(config), threads=threads)
    worker.run()
    if worker.is_stuck():  # Python would wait for its threads without end
        log.error("a thread did not end in time; what it had in hand is in doubt")
        logging.shutdown()
        os._exit(1)
