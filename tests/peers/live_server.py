"""Web processes to connect to: the app of a test on a real port in a thread, or gunicorn in a process of its own."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import requests
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tasks import live
from tests.peers.program import STARTS_WITHIN


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        logging.getLogger("tests.live_server").debug(message, *args)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve `app` on a free port of this host, one thread a connection. Gives the address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    server.block_on_close = False
    before = set(threading.enumerate())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        with app.app_context():
            found = live.current()
        if found is not None and found.stream is not None:
            found.stream.stop()
        server.shutdown()
        server.server_close()
        _await_end(found for found in set(threading.enumerate()) - before if "process_request" in found.name)


def _await_end(threads: Iterable[threading.Thread], seconds: float = 2.0) -> None:
    """Wait for the threads that served: one that still says goodbye holds a database connection that nobody would close."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


@contextmanager
def gunicorn(settings: Mapping[str, object], *options: str, port: int = 0) -> Iterator[str]:
    """`gunicorn wsgi:app` with these settings, in a process of its own. Gives the address once it answers."""
    port = port or free_port()
    environment = {**os.environ, **{f"CARILLON_{name.upper()}": str(value) for name, value in settings.items()}}
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "-w", "1", "--graceful-timeout", "1",
        "--log-level", "warning", *(options or ("--threads", "40")), "wsgi:app",
    ]
    process = subprocess.Popen(command, env=environment, process_group=0)
    url = f"http://127.0.0.1:{port}"
    try:
        _await_answer(url, process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its worker too, which would serve on for a while
            process.wait(5)


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{url}/healthz", timeout=5)
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise RuntimeError(f"gunicorn did not come up (exit status {process.poll()})")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
