"""A web process's life beside its requests: its sign of life or its embedded worker, and a quick clean end.

Importing starts nothing: `begin` does, in the process that serves (after any fork).
"""

import logging
import resource
import threading
from dataclasses import dataclass

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from dashboard import environment
from tasks import database, live
from tasks.config import settings
from tasks.extensions import socketio
from tasks.ledger import processes
from tasks.queue import huey
from tasks.worker import Worker

SPARE_FILES = 1_000  # beside the live connections: requests, the database, the log

log = logging.getLogger(__name__)


class Pulse(threading.Thread):
    """Says every 15 seconds that this process is alive: who is online, and what it has in hand, depends on it."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="carillon-pulse", daemon=True)
        self._app = app
        self._ended = threading.Event()

    def run(self) -> None:
        """Beat until stopped. While the database is away it goes on trying."""
        while not self._ended.is_set():
            try:
                with self._app.app_context():
                    processes.current_process_id()
                    processes.heartbeat()
            except SQLAlchemyError as error:
                log.warning("no sign of life could be written: %s", str(error).partition("\n")[0])
            self._ended.wait(processes.HEARTBEAT)

    def stop(self) -> None:
        """End, and say goodbye."""
        self._ended.set()
        self.join(5)
        try:
            with self._app.app_context():
                processes.end()
        except SQLAlchemyError:
            log.warning("the end of this process could not be written; others will see it by its silence")


@dataclass(slots=True)
class WebProcess:
    """What `begin` started."""

    app: Flask
    pulse: Pulse | Worker

    def hang_up(self) -> None:
        """Close all live connections: each holds a thread, and the server waits for those."""
        threading.excepthook = _not_of_closed_sockets
        with self.app.app_context():
            current = live.current()
        for sid in list(socketio.server.eio.sockets):
            socket = socketio.server.eio.sockets.get(sid)
            if socket is not None:
                socket.close(wait=False)
        if current is not None and current.stream is not None:
            current.stream.stop()

    def end(self) -> None:
        """Finish what the embedded worker has in hand, sign off, and close the database, so that SQLite tidies its files."""
        if isinstance(self.pulse, Worker):
            self.pulse.stop(graceful=True)
        else:
            self.pulse.stop()
        with self.app.app_context():
            database.close()
        huey.storage.close()


def _not_of_closed_sockets(found: threading.ExceptHookArgs) -> None:
    """engine.io's writers may find their socket closed already: at the end that is no news."""
    if not (found.exc_type and issubclass(found.exc_type, OSError)):
        threading.__excepthook__(found)


def allow_files(sockets: int) -> None:
    """Let this process open a file for each of so many live connections: systems start programs with room for 1,024."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + SPARE_FILES
    if most != resource.RLIM_INFINITY and most < wanted:
        log.warning("%d live connections need %d open files, and this system allows %d: raise LimitNOFILE", sockets, wanted, most)
        wanted = most
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _note_settings() -> None:
    try:
        environment.note_settings(settings())
    except SQLAlchemyError as error:  # the process serves all the same; the next start will find the change
        log.warning("changed settings could not be noted: %s", str(error).partition("\n")[0])


def begin(app: Flask) -> WebProcess:
    """Start what this process needs beside its requests: the embedded worker where the settings say so, else a pulse."""
    with app.app_context():
        embedded = settings().embedded_worker
        app.extensions["carillon.kind"] = "embedded" if embedded else "web"
        _note_settings()
        current = live.current()
    if current is not None and current.stream is not None:
        allow_files(current.stream.most)
    pulse = Worker(app, embedded=True) if embedded else Pulse(app)
    pulse.start()
    return WebProcess(app, pulse)
