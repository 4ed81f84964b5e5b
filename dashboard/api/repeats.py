"""Repeats of POST requests: the same key and body get the first answer again, byte for byte."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Flask, Response, current_app, g, request

from dashboard.api.resource import as_answer
from dashboard.api.schemas import SendHeaders
from tasks import idempotency, vault
from tasks.database import reading
from tasks.errors import CarillonError, WrongState
from tasks.idempotency import Repeated
from tasks.options import SendOptions

P = ParamSpec("P")

KEPT = "kept answers"
REPLAYED = {"Idempotent-Replayed": "true"}


def init_repeats(app: Flask) -> None:
    """Answer repeats on `app`."""
    app.register_error_handler(Repeated, _again)


def keyed(header: SendHeaders) -> dict[str, Any]:
    """What SendOptions has to know of this call's idempotency key, which counts for the caller and this address."""
    if header.idempotency_key is None:
        return {}
    return {"idempotency_key": header.idempotency_key, "idempotency_scope": _scope(), "body_hash": _body_hash()}


def sends(view: Callable[P, Any]) -> Callable[P, Any]:
    """A view whose sender keeps the answer in its own transaction. What it refuses now may have been accepted the first time."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except CarillonError:
            options = SendOptions(**keyed(kwargs["header"]))
            if options.idempotency_key is not None and not _validating():
                with reading() as connection:
                    idempotency.look(connection, options)
            raise

    return answer


def once(view: Callable[P, Any]) -> Callable[P, Any]:
    """A view whose work is short and safe to do again: the key is claimed before it and the answer kept after it.

    `g.resumed` says that a call before this one was killed in the middle: what it asks for may be done already.
    """

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        g.resumed = False
        options = SendOptions(**keyed(kwargs["header"]))
        if options.idempotency_key is None:
            return view(*args, **kwargs)
        g.resumed = idempotency.claim(options)
        try:
            found = current_app.make_response(view(*args, **kwargs))
        except BaseException:
            idempotency.release(options)
            raise
        idempotency.settle(options, found.status_code, found.get_data(as_text=True))
        return found

    return answer


def once_in_secret(view: Callable[P, Any]) -> Callable[P, Any]:
    """As `once`, for an answer that opens something: it is kept encrypted."""

    @wraps(view)
    def sealed(*args: Any, **kwargs: Any) -> Any:
        found = current_app.make_response(view(*args, **kwargs))
        found.set_data(vault.lock(found.get_data(as_text=True), KEPT))
        return found

    kept = once(sealed)

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        if kwargs["header"].idempotency_key is None:
            return view(*args, **kwargs)
        try:
            found = kept(*args, **kwargs)
        except Repeated as first:
            raise Repeated(first.status, vault.unlock(first.body, KEPT)) from None
        found.set_data(vault.unlock(found.get_data(as_text=True), KEPT))
        return found

    return answer


def once_unkept(name: str) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """As `once`, for an answer whose field `name` must be kept nowhere: a repeat is refused, and told what was made."""

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(view)
        def answer(*args: Any, **kwargs: Any) -> Any:
            whole: list[Response] = []

            @wraps(view)
            def without(*args: Any, **kwargs: Any) -> Response:
                whole.append(current_app.make_response(view(*args, **kwargs)))
                shown = {field: value for field, value in whole[0].get_json().items() if field != name}
                return as_answer(shown, whole[0].status_code)

            try:
                once(without)(*args, **kwargs)
            except Repeated as first:
                raise _made_before(json.loads(first.body), name) from None
            return whole[0]

        return answer

    return decorate


def _made_before(made: dict[str, Any], name: str) -> WrongState:
    what = f"This call was made before, and its `{name}` was shown only then: it made {made['prefix']}."
    remedy = "If nobody has it, revoke that one and call again with another Idempotency-Key."
    return WrongState(what, field="Idempotency-Key", remedy=remedy, prefix=made["prefix"])


def _again(first: Repeated) -> Response:
    return Response(first.body, first.status, REPLAYED, content_type="application/json")


def _validating() -> bool:
    body = request.get_json() if request.is_json else {}
    return body.get("dry_run") is True


def _scope() -> str:
    who = f"person:{g.person}" if g.get("person") is not None else f"key:{g.api_key.family or g.api_key.id}"
    return f"{who}:{request.path}"


def _body_hash() -> str:
    if not request.is_json:
        return hashlib.sha256(request.get_data()).hexdigest()
    canonical = json.dumps(request.get_json(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
