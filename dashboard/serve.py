"""The embedded server: gunicorn in this very program, one process with many threads, for web, sockets and worker together."""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from dashboard import create_app
from dashboard.web_process import WebProcess, begin
from tasks.config import Settings
from tasks.errors import ConfigurationError
from tasks.live import gate
from tasks.logs import init_logging

SPARE_THREADS = 50  # for requests, beside one thread for each live connection
GRACE = 30  # seconds that a message in a provider's hands may take to come back when we are asked to stop


def listen(host: str, port: int) -> socket.socket:
    """Take the port (0: any free one), before anything else is done. Raises ConfigurationError saying why it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.create_server((str(address[0]), port), family=family, backlog=2048)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    except OverflowError:
        raise ConfigurationError(f"There is no port {port}.", field="port", remedy="Give 1 to 65535.") from None
    found.set_inheritable(True)
    return found


def serve(config: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM, Ctrl-C or the terminal's end; then exit the program with status 0.

    `ready` is called once, in the serving process, when requests are being answered. Call it with no connection to the
    database open: this process forks.
    """
    init_logging(config)
    Steward(Server(config, listener, ready)).run()


class Steward(Arbiter):  # type: ignore[misc]
    """gunicorn's parent process, for exactly one worker: every signal that a person sends means a clean end."""

    def handle_int(self) -> None:
        """Ctrl-C is as good as SIGTERM; a second one does not wait."""
        raise StopIteration

    def handle_hup(self) -> None:
        """The terminal was closed."""
        raise StopIteration

    def _nothing(self) -> None:
        """More workers, fewer workers, another program: not here."""

    handle_ttin = handle_ttou = handle_usr2 = _nothing


class Serving(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker, which hangs up at once when it is asked to stop: open sockets would keep it busy."""

    process: WebProcess | None = None

    def init_signals(self) -> None:
        """As gunicorn does, but the terminal's Ctrl-C is for the parent, who then asks us."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        first = self.alive
        super().handle_exit(sig, frame)
        if first and self.process is not None:
            threading.Thread(target=self.process.hang_up, daemon=True).start()


class Server(BaseApplication):  # type: ignore[misc]
    """The gunicorn application: its configuration, and what happens when its worker starts and stops."""

    def __init__(self, config: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
        self.settings = config
        self.listener = listener
        self.ready = ready
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn. Nothing of the environment (GUNICORN_CMD_ARGS) or of a file is read here."""
        # gunicorn closes what it is given; our own socket stays ours to close.
        threads = (self.settings.max_sockets or gate.ON_THREADS) + SPARE_THREADS
        values: dict[str, Any] = {
            "bind": f"fd://{os.dup(self.listener.fileno())}", "workers": 1, "worker_class": Serving, "threads": threads,
            "worker_connections": threads + 1_000, "graceful_timeout": GRACE, "timeout": 120, "loglevel": "warning",
            "control_socket_disable": True, "worker_tmp_dir": str(self.settings.home), "proc_name": "carillon",
            "post_worker_init": self._started, "worker_exit": self._ended,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, made in the worker: after the fork."""
        return create_app(self.settings)

    def _started(self, worker: Serving) -> None:
        worker.process = begin(worker.wsgi)
        if worker.age == 1:
            self.ready()

    def _ended(self, _server: Arbiter, worker: Serving) -> None:
        if worker.process is not None and worker.pid == os.getpid():
            worker.process.end()


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"Port {port} on {host} is in use, by another program or another Carillon.", field="port",
            remedy="Stop that one, or choose another port: carillon up --port 5001.",
        )
    if error.errno == errno.EACCES:
        return ConfigurationError(
            f"This account may not listen on port {port}.", field="port",
            remedy="Choose a port above 1023, behind a proxy if need be.",
        )
    return ConfigurationError(
        f"Cannot listen on {host}: {error.strerror or error}.", field="host",
        remedy="Use 127.0.0.1 for this machine only, 0.0.0.0 for every network, or one of this machine's own addresses.",
    )
