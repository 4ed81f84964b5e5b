"""The live inbox: Socket.IO's default namespace. What a client may do is decided by its token, and by nothing that it says."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from flask import Flask, current_app, request
from flask_socketio import ConnectionRefusedError, join_room
from sqlalchemy.exc import SQLAlchemyError

from dashboard import keys, tokens
from dashboard.receipts import Receipts
from dashboard.tokens import Claims
from tasks import inbox, live, presence
from tasks.database import reading
from tasks.errors import CarillonError, InvalidOption, InvalidToken
from tasks.extensions import socketio
from tasks.gathering import gathered
from tasks.inbox import Change, Cursor
from tasks.ledger.processes import current_process_id
from tasks.live import Listener, Stream

MOST_PER_PERSON = 20  # live connections of one person to one process
TIDY = 60.0  # seconds between two comparisons of the presence rows with the connections there are

log = logging.getLogger(__name__)


def init_sockets(app: Flask) -> None:
    """Take Socket.IO connections on `app`. Call it after `init_app`, and before anything that must stand outside the sockets."""
    stream = live.init_live(app, server=True).stream
    assert stream is not None
    app.extensions["carillon.receipts"] = receipts = Receipts()
    stream.every_second(current_process_id)  # also this process's sign of life, which its presence rows rest on
    stream.every_second(receipts.write)
    stream.every_second(_tidying(stream))
    stream.every_second(lambda: _end_unvouched(stream))


@socketio.on("connect")  # type: ignore[untyped-decorator]
def connect(auth: Any = None) -> None:
    """Let a person in: check the token, join the person's own room, note the presence. The first `sync` follows by itself."""
    try:
        _admit_or_say_why(auth if isinstance(auth, Mapping) else {})
    except ConnectionRefusedError:
        _stream().turn_away(_sid())
        raise


def _admit_or_say_why(auth: Mapping[str, Any]) -> None:
    try:
        _admit(auth)
    except InvalidToken as error:
        raise _refusal(error.reason, str(error)) from None
    except (CarillonError, SQLAlchemyError):
        log.exception("a live connection could not be checked")
        raise _refusal("unavailable", "The server cannot answer just now. Try again in a few seconds.") from None


def _admit(auth: Mapping[str, Any]) -> None:
    stream = _stream()
    if len(stream.crowd) >= stream.most:
        raise _refusal("full", "This server has no room for another connection just now. Try again later.")
    claims = tokens.verify(auth.get("token"))
    person = gathered(_owners, claims.subject)
    if person is None:
        raise _refusal("unknown_person", "Nobody is known by the id in the token, or they are switched off.")
    if stream.crowd.connections(person) >= MOST_PER_PERSON:
        raise _refusal("too_many", f"This person has {MOST_PER_PERSON} connections already. Close one first.")
    _enter(stream, person, claims, auth.get("since"))


def _owners(names: Sequence[str]) -> Sequence[int | None]:
    with reading() as connection:
        known = inbox.owners(connection, set(names))
    return [known.get(name) for name in names]


def _enter(stream: Stream, person: int, claims: Claims, since: object) -> None:
    sid = _sid()
    # First the presence row, then (after the handshake) the reading of what was missed: a sender commits, then looks for the row.
    presence.came(sid, person, current_process_id())
    stream.crowd.add(Listener(sid, person, claims.expires_at.timestamp(), since, claims.key_id))
    join_room(f"user:{claims.subject}")


@socketio.on("disconnect")  # type: ignore[untyped-decorator]
def disconnect(_reason: str = "") -> None:
    """Forget the connection."""
    sid = _sid()
    _stream().crowd.remove(sid)
    try:
        presence.left(sid)
    except SQLAlchemyError:
        log.warning("a connection's end could not be noted; the next tidying does it", exc_info=True)


def _event(work: Callable[[Listener, Mapping[str, Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """An event of a client: its answer goes to the client's own acknowledgement callback, an error too."""

    @wraps(work)
    def handle(*args: object) -> dict[str, Any]:
        listener = _stream().crowd.get(_sid())
        if listener is None:
            return _problem("gone", "This connection is closing.")
        try:
            return work(listener, args[0] if args and isinstance(args[0], Mapping) else {})
        except CarillonError as error:
            return _problem(error.code, error.detail, error.field, error.remedy)
        except SQLAlchemyError:
            log.exception("a client's event could not be carried out")
            return _problem("unavailable", "The server cannot answer just now.", remedy="Try again in a few seconds.")

    return handle


def _mark(action: str) -> None:
    """{ids: [...]} or {all: true}. Every connection of the person gets `changed` and the new `unread`."""

    @socketio.on(action)  # type: ignore[untyped-decorator]
    @_event
    def mark(listener: Listener, data: Mapping[str, Any]) -> dict[str, Any]:
        ids = data.get("ids")
        if (data.get("all") is True) == (ids is not None) or not isinstance(ids, list | None):
            raise InvalidOption(f"Say which messages to {action}.", field="/ids", remedy="Send {ids: [...]}, or {all: true}.")
        marked = inbox.mark(listener.recipient_id, action, ids)
        live.changed(marked.change)
        return {"unread": marked.unread, "unknown": marked.unknown}


for _action in inbox.ACTIONS:
    _mark(_action)


@socketio.on("page")  # type: ignore[untyped-decorator]
@_event
def page(listener: Listener, data: Mapping[str, Any]) -> dict[str, Any]:
    """{before?, limit?, archived?}: a page of the list or the archive, as GET /inbox/ gives it; the answer is its `items`."""
    limit = data.get("limit", 50)
    if not isinstance(limit, int) or not 1 <= limit <= inbox.LONGEST_PAGE:
        raise InvalidOption(f"limit is not a number from 1 to {inbox.LONGEST_PAGE}.", field="/limit", remedy="Leave it out: 50.")
    return inbox.page(
        listener.recipient_id, before=data.get("before"), limit=limit, archived=data.get("archived") is True
    )


@socketio.on("ack")  # type: ignore[untyped-decorator]
@_event
def ack(listener: Listener, data: Mapping[str, Any]) -> dict[str, Any]:
    """{cursor}: the client has everything up to it. The in-app deliveries become `delivered` within a second or so."""
    receipts: Receipts = current_app.extensions["carillon.receipts"]
    receipts.note(listener, _cursor(data.get("cursor"), "/cursor"))
    return {}


@socketio.on("sync")  # type: ignore[untyped-decorator]
@_event
def sync(listener: Listener, data: Mapping[str, Any]) -> dict[str, Any]:
    """{since}: the next page of what was missed, where the last `sync` said that there is more. It comes as a `sync`."""
    since = _cursor(data.get("since"), "/since")
    stream = _stream()
    with listener.lock, reading() as connection:
        stream.emit(listener, "sync", listener.next_sync(connection, since))
    # The stream may have read an older count just before, and send it now: then the true one follows.
    stream.wake(changes=[Change(listener.recipient_id, 0, inbox.REFRESH, ())])
    return {}


def _cursor(written: object, field: str) -> Cursor:
    cursor = inbox.decode(written)
    if cursor is None:
        raise InvalidOption("This is no cursor.", field=field, remedy="Send the cursor of the last event, as it came.")
    return cursor


def _tidying(stream: Stream) -> Callable[[], None]:
    last = time.monotonic()

    def tidy() -> None:
        nonlocal last
        if time.monotonic() - last >= TIDY:
            last = time.monotonic()
            here = {listener.sid: listener.recipient_id for listener in stream.crowd.everyone()}
            presence.reconcile(current_process_id(), here)

    return tidy


def _end_unvouched(stream: Stream) -> None:
    """End the connections whose key was revoked or has expired: the stream closes what has expired in its next round."""
    here = stream.crowd.everyone()
    vouching = {listener.key_id for listener in here if listener.key_id is not None}
    silent = keys.silent(vouching) if vouching else set()
    for listener in here:
        if listener.key_id in silent:
            listener.expires_at = 0.0


def _sid() -> str:
    """The connection whose event this is."""
    sid: str = request.sid  # type: ignore[attr-defined]  # Flask-SocketIO puts it there, and has no types
    return sid


def _stream() -> Stream:
    found = live.current()
    assert found is not None
    assert found.stream is not None
    return found.stream


def _refusal(reason: str, words: str) -> ConnectionRefusedError:
    """A `connect_error` whose message is for people and whose data.reason is for programs."""
    return ConnectionRefusedError(words, {"reason": reason})


def _problem(code: str, detail: str, field: str = "", remedy: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "detail": detail, "field": field, "remedy": remedy}}
