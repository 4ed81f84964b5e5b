"""The namespace /desk: for operators who are signed in, from this site's own pages. It only tells; changes are made by forms."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Flask, current_app, request, session
from flask_login import current_user
from flask_socketio import ConnectionRefusedError
from sqlalchemy.exc import SQLAlchemyError

from dashboard import auth
from dashboard.admin.desk.watching import MOST, Desk, Watcher, session_end
from tasks import live
from tasks.config import settings
from tasks.extensions import socketio
from tasks.live.origins import origin_check

NAMESPACE = "/desk"
MOST_PER_OPERATOR = 20  # connections of one operator to one process

log = logging.getLogger(__name__)


def init_desk(app: Flask) -> None:
    """Let operators watch on `app`. Call it when the live messages are set up."""
    found: live.Live = app.extensions["carillon.live"]
    assert found.stream is not None
    server = socketio.server

    def emit(sid: str, data: dict[str, Any]) -> None:
        server.emit("progress", data, to=sid, namespace=NAMESPACE, ignore_queue=True)

    def dismiss(sid: str) -> None:
        # In a thread of its own, as a goodbye may take its time.
        server.start_background_task(partial(server.disconnect, sid, namespace=NAMESPACE, ignore_queue=True))

    desk = app.extensions["carillon.desk"] = Desk(emit, dismiss)
    found.stream.also(lambda: [(sid, NAMESPACE) for sid in desk.connections()])
    found.stream.every_second(partial(_look, desk))


def _look(desk: Desk) -> None:
    try:
        desk.look()
    except SQLAlchemyError:  # the inboxes of the same thread must not wait for it
        log.exception("the desk's counters cannot be read; looking again in a second")


@socketio.on("connect", namespace=NAMESPACE)  # type: ignore[untyped-decorator]
def connect(_auth: Any = None) -> None:
    """Let a signed-in operator in who comes from a page of this site."""
    own = settings().model_copy(update={"allowed_origins": []})  # other sites' pages may open inboxes, but not this
    origin = request.headers.get("Origin", "").lower()
    if origin and not origin_check(own)(origin, request.environ):
        raise ConnectionRefusedError("This page may not watch.", {"reason": "origin"})
    try:
        known = auth.allowed("viewer")
    except SQLAlchemyError:
        raise ConnectionRefusedError("The server cannot answer just now.", {"reason": "unavailable"}) from None
    if not known:
        raise ConnectionRefusedError("Sign in first.", {"reason": "signed_out"})
    desk, sid = _desk(), request.sid  # type: ignore[attr-defined]
    if desk.count(current_user.operator_id) >= MOST_PER_OPERATOR:
        raise ConnectionRefusedError("Too many pages watch already.", {"reason": "too_many"})
    desk.add(Watcher(sid, current_user.operator_id, current_user.epoch, session_end(session)))


@socketio.on("disconnect", namespace=NAMESPACE)  # type: ignore[untyped-decorator]
def disconnect(_reason: str = "") -> None:
    """Forget the connection."""
    _desk().remove(request.sid)  # type: ignore[attr-defined]


@socketio.on("watch", namespace=NAMESPACE)  # type: ignore[untyped-decorator]
def watch(*given: object) -> dict[str, Any]:
    """{broadcasts: [numbers]}: answered with how they are now, {broadcasts: [...]}; changes come as `progress`."""
    data = given[0] if given and isinstance(given[0], Mapping) else {}
    wanted = data.get("broadcasts")
    if not isinstance(wanted, list) or len(wanted) > MOST or not all(type(pk) is int and 0 < pk < 2**31 for pk in wanted):
        return {"error": f"Send {{broadcasts: [numbers]}}, at most {MOST}."}
    try:
        return {"broadcasts": _desk().watch(request.sid, wanted)}  # type: ignore[attr-defined]
    except SQLAlchemyError:
        log.exception("the desk's counters cannot be read")
        return {"error": "The server cannot answer just now."}


def _desk() -> Desk:
    found: Desk = current_app.extensions["carillon.desk"]
    return found
