"""A worker process of a chaos run: `python -m tests.chaos.worker [--host NAME] [MODULE:CONSTANT=SECONDS ...]`.

The product's own worker, with some of its constants set for a run that cannot wait for minutes; `--host`: as if it ran on
another machine, where pids mean nothing and only silence tells that it is dead.
"""

import argparse
import importlib
import logging
import os
import select
import socket
import time

from tasks.config import load
from tasks.worker import run


def main() -> None:
    """Run until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("constants", nargs="*", help="tasks.ledger.breaker:PROBE_EVERY=1")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    for entry in arguments.constants:
        place, _, value = entry.partition("=")
        module, _, name = place.partition(":")
        found = importlib.import_module(module)
        assert hasattr(found, name), f"{module} has no {name}"
        setattr(found, name, float(value))
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:  # libfaketime lets clock_nanosleep fail where the clock was set back
        time.sleep = lambda seconds: select.select([], [], [], max(0.0, seconds)) and None
    if arguments.host:
        socket.gethostname = lambda: arguments.host
    run(load())


if __name__ == "__main__":
    main()
