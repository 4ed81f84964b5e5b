"""Errors as answers: problem+json (RFC 9457) for services, a page for people. Nothing of our insides in either."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkExtension, InvalidChunkSize, NoMoreData
from markupsafe import escape
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from dashboard import auth
from tasks.errors import CarillonError, InvalidParameter, RateLimited
from tasks.extensions import db
from tasks.rendering.limits import PARTS

RETRY_AFTER = 5  # seconds, when the database is locked or gone

# What to do about the errors that Flask itself raises, by status.
REMEDIES = {
    400: "Check the request's form.",
    404: "Check the address; /docs/ lists them.",
    405: "See the Allow header for the methods of this address.",
    413: "Send at most 1 MB at a time.",
    415: "Send JSON with the header `Content-Type: application/json`.",
    500: "Try again; if it stays, the server's log says why.",
    503: f"Nothing was accepted. Send the same request again in {RETRY_AFTER} seconds.",
}

DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is too large.",
    500: "Something went wrong here.",
}
# Fields that are no part of a body.
ELSEWHERE = frozenset({
    "Authorization", "Content-Type", "Idempotency-Key", "webhook-timestamp", "webhook-signature", "id", "call_id", "prefix",
    "state", "cursor", "limit", "before", *PARTS,
})

log = logging.getLogger(__name__)


def init_problems(app: Flask) -> None:
    """Answer every error of every route in the form that its caller reads."""
    app.register_error_handler(CarillonError, _named)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(StaleDataError, _changed_meanwhile)
    for unfit in (DataError, OverflowError, UnicodeEncodeError):  # the last two are SQLite's driver's own
        app.register_error_handler(unfit, _unfit)
    for broken in (NoMoreData, InvalidChunkSize, InvalidChunkExtension, ChunkMissingTerminator):
        app.register_error_handler(broken, _cut_short)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(error, _database)


def problem(
    status: int, code: str, detail: str, *, field: str = "", remedy: str = "", extra: Mapping[str, Any] | None = None
) -> Response:
    """A problem+json response. `field` is a JSON pointer into the body, or the name of a parameter or header."""
    document = {
        "type": f"urn:carillon:problem:{code}", "title": code.replace("_", " ").capitalize(), "status": status,
        "code": code, "detail": detail, "field": field, "remedy": remedy, "request_id": g.get("request_id", ""),
    }
    document.update((name, value) for name, value in (extra or {}).items() if name not in document)
    return Response(json.dumps(document, default=str), status, content_type="application/problem+json")


def wants_page() -> bool:
    """True where a person is reading: a browser asks, and the address is not the API's."""
    return not _keyed() and "text/html" in request.headers.get("Accept", "")


def _named(error: CarillonError) -> ResponseReturnValue:
    if error.status >= 500:
        log.error("%s: %s", error.code, error)
    field = error.field if isinstance(error, InvalidParameter) else _pointer(error.field)
    answer = _answer(error.status, error.code, error.detail, field=field, remedy=error.remedy, extra=error.extra)
    if isinstance(error, RateLimited):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()  # a redirect, or an answer that someone made already
    code = (error.name or "error").lower().replace(" ", "_")
    detail = DETAILS.get(error.code) or error.description or error.name
    answer = _answer(error.code, code, detail, remedy=REMEDIES.get(error.code, ""))
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            answer.headers[name] = value  # Allow, WWW-Authenticate, Retry-After
    return answer


def _changed_meanwhile(_error: StaleDataError) -> ResponseReturnValue:
    """Of two who changed the same row one deleted it. Nothing of this request was kept."""
    detail = "Somebody else deleted or changed it at this very moment."
    return _answer(409, "changed_meanwhile", detail, remedy="Look at it again before you change it.")


def _cut_short(_error: Exception) -> ResponseReturnValue:
    """The server could not read the body to its end: its chunks are not as HTTP has them, or the caller hung up."""
    remedy = "Send it again, with its length or in sound chunks."
    return _answer(400, "bad_request", "The body did not arrive whole.", remedy=remedy)


def _unfit(error: DataError | OverflowError | UnicodeEncodeError) -> ResponseReturnValue:
    """No column of the database takes it, so no row has it: a NUL in a text, a number of twenty digits. Nothing was kept."""
    db.session.rollback()
    log.warning("the database does not take a value of this request: %s", type(getattr(error, "orig", error)).__name__)
    detail = "Something in it cannot be stored: a NUL character, or a number that is too large."
    return _answer(400, "unfit", detail, remedy="Correct it.")


def _database(error: DBAPIError | PoolTimeout) -> ResponseReturnValue:
    """Locked or gone. Every write of a request is one transaction, so nothing of it was kept."""
    log.error("the database did not answer: %s", error)
    return _answer(503, "unavailable", "The database does not answer just now.", remedy=REMEDIES[503])


def _answer(
    status: int, code: str, detail: str, *, field: str = "", remedy: str = "", extra: Mapping[str, Any] | None = None
) -> Response:
    if wants_page():
        answer = Response(_page(status, detail, remedy), status, content_type="text/html; charset=utf-8")
    else:
        answer = problem(status, code, detail, field=field, remedy=remedy, extra=extra)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if status == 503 or code == "idempotency_running":
        answer.headers["Retry-After"] = str(RETRY_AFTER if status == 503 else 1)
    return answer


def _page(status: int, detail: str, remedy: str) -> str:
    """The error as a page; a bare one where the pages' own frame cannot be drawn (it asks the database who is signed in)."""
    try:
        return render_template("error.html", status=status, detail=detail, remedy=remedy)
    except Exception as error:
        log.warning("the error page could not be drawn: %s", error)
        return f"<!doctype html><title>{status}</title><h1>{escape(detail)}</h1><p>{escape(remedy)}</p>"


def _pointer(field: str) -> str:
    """The sender names fields as in `recipient.email`; services get a pointer into the body they sent."""
    in_body = _keyed() and field not in ELSEWHERE and not field.startswith("/")
    return "/" + field.replace(".", "/") if field and in_body else field


def _keyed() -> bool:
    access = auth.access_of(request.endpoint)
    return access is not None and access.kind in {"key", "signed"}
