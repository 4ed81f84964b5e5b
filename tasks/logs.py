"""The log: one line an event, as text for eyes or as JSON for machines, with ids and never with a person's name or address."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from tasks.config import Settings

LEVELS = ("debug", "info", "warning", "error")
TALKATIVE = ("huey", "engineio", "socketio", "urllib3", "alembic", "google", "geventwebsocket")


def init_logging(config: Settings, stream: TextIO | None = None) -> None:
    """Send this process's log to `stream` (default: standard error) in the settings' form; a second call replaces the first.

    JSON: every line has timestamp (UTC, ISO 8601), level, logger and event, what the call gave as `extra`, and what was bound
    by `bind` for the request or the job.
    """
    known: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if config.log_format == "json":
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    else:
        # Plain, because the other form shows every local variable: tokens and addresses, and seconds of work for each error.
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    chosen = logging.StreamHandler(stream or sys.stderr)
    chosen.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=known, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [chosen]
    root.setLevel((config.log_level or ("info" if config.log_format == "json" else "warning")).upper())
    logging.getLogger("gunicorn").propagate = False  # it has its own, and would say everything twice
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)


def bind(**ids: object) -> None:
    """Put `ids` on every line that this request or job logs from here on."""
    structlog.contextvars.bind_contextvars(**ids)


def unbind() -> None:
    """Forget what was bound: the thread turns to something else."""
    structlog.contextvars.clear_contextvars()
