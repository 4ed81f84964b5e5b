"""Every request has an id, a line in the log and a place in the figures. The id is answered as X-Request-Id."""

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from tasks import logs, metrics

SANE_ID = re.compile(r"[A-Za-z0-9._:-]{8,80}")  # a caller's own id is taken over where it can be nothing but an id
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds: in the figures, not in the log

log = logging.getLogger("carillon.http")


def init_observing(app: Flask) -> None:
    """Watch every request of `app`."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def request_id() -> str:
    """The id of the current request."""
    found: str = g.get("request_id", "")
    return found


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if SANE_ID.fullmatch(given) else secrets.token_hex(8)
    g.request_began = time.perf_counter()
    logs.unbind()
    logs.bind(request_id=g.request_id)


def _end(answer: Response) -> Response:
    seconds = time.perf_counter() - g.get("request_began", time.perf_counter())
    rule = request.url_rule.rule if request.url_rule else "none"
    answer.headers["X-Request-Id"] = request_id()
    metrics.answered(rule, request.method, answer.status_code, seconds)
    if rule not in QUIET and not rule.startswith("/static/"):
        words = {"method": request.method, "route": rule, "status": answer.status_code, "ms": round(seconds * 1_000, 1)}
        log.info("request", extra=words)
    return answer


def _forget(_error: BaseException | None) -> None:
    logs.unbind()
