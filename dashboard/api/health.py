"""Alive, and ready: what load balancers ask."""

import logging
from collections.abc import Callable
from typing import Any

from flask import jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import select

from dashboard.api.resource import Answer, operation_id
from dashboard.auth import public
from tasks.database import reading
from tasks.models import Template
from tasks.queue import huey

TAG = Tag(name="health", description="For load balancers. No key is needed.")

api = APIBlueprint("health", __name__, abp_tags=[TAG], operation_id_callback=operation_id)
log = logging.getLogger(__name__)

ANSWER = {
    "type": "object", "required": ["status", "database", "queue"],
    "properties": {name: {"type": "string"} for name in ("status", "database", "queue")},
}


def _documented(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": ANSWER}}}


ALIVE = {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}}


@api.get("/healthz", responses={200: {"description": "Alive.", "content": {"application/json": {"schema": ALIVE}}}})
@public
def alive() -> Answer:
    """Is the process alive? Asks nothing of anyone."""
    return jsonify(status="ok")


@api.get("/readyz", responses={200: _documented("Ready."), 503: _documented("Not ready: something does not answer.")})
@public
def ready() -> Answer:
    """Can it take messages: do the migrated database and the queue answer?"""
    found = {"database": _answers(_ask_database), "queue": _answers(huey.pending_count)}
    good = all(word == "ok" for word in found.values())
    return jsonify(status="ready" if good else "not ready", **found), 200 if good else 503


def _ask_database() -> None:
    with reading() as connection:
        connection.execute(select(Template.id).limit(1))


def _answers(ask: Callable[[], object]) -> str:
    try:
        ask()
    except Exception as error:  # whatever is wrong with it, the answer is the same and the log says more
        log.warning("not ready: %s", error)
        return "down"
    return "ok"
