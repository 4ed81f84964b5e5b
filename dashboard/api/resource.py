"""What all resources of the API share: their documented errors, and their blueprint."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from flask_openapi3.types import SecuritySchemesDict

# What a route returns. Flask's own alias cannot be read at run time, as flask-openapi3 does.
Answer = Response | tuple[Response, int] | tuple[Response, int, dict[str, str]]

SECURITY_SCHEMES: SecuritySchemesDict = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key from the dashboard, or `carillon key create`."}
}

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "field", "remedy", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A URN made of the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable: programs may rest on it."},
        "detail": {"type": "string", "description": "What is wrong, in words."},
        "field": {"type": "string", "description": "A JSON pointer into the body, or a header's or parameter's name."},
        "remedy": {"type": "string", "description": "What to do about it."},
        "request_id": {"type": "string", "description": "The answer's X-Request-Id. The log's lines of this request have it."},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "All that was found."},
    },
}
REFUSALS = {
    400: "The request is malformed.",
    401: "The API key is missing, unknown, expired or switched off.",
    403: "The key lacks the scope.",
    404: "There is no such thing.",
    409: "It cannot be done in the state the thing is in, or the first call with this idempotency key still runs.",
    413: "The body is larger than 1 MB.",
    415: "The body is not JSON.",
    422: "Something in the request is wrong: `code`, `field` and `remedy` say what.",
    429: "Too many requests, or too many messages to one person: `violated-policies` says which limit.",
    503: "The database does not answer. Nothing was accepted: send the same again after `Retry-After` seconds.",
}
# What the HTTP server says before we hear of the request.
TOO_LONG = {
    414: "The address is longer than the server reads (4 kB).", 431: "The headers are larger than the server reads (8 kB each).",
}
ALWAYS = (401, 403, 429, 503)
WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
WITH_BODY = (400, 413, 415, 422)


def refusals(*statuses: int) -> dict[int | str, Any]:
    """The documented answers of these error statuses, and of those that every API route has."""
    page = {"text/html": {"schema": {"type": "string"}}}
    unread: dict[int | str, Any] = {status: {"description": words, "content": page} for status, words in TOO_LONG.items()}
    return {status: _refusal(status) for status in sorted({*statuses, *ALWAYS})} | unread


def resource(tag: str, about: str, *, name: str = "") -> APIBlueprint:
    """A documented blueprint whose routes want an API key. `tag` groups them in the documentation."""
    return APIBlueprint(
        name or tag, __name__, abp_tags=[Tag(name=tag, description=about)], abp_security=[{"key": []}],
        operation_id_callback=operation_id,
    )


def operation_id(*, bp_name: str, name: str, path: str, method: str) -> str:
    """The name that generated clients give a route: notifications_send, broadcasts_pause."""
    return f"{bp_name}_{name}"


def as_answer(document: Any, status: int = 200) -> Response:
    """A JSON answer with its status."""
    answer = jsonify(document)
    answer.status_code = status
    return answer


def leads_to(operation: str, field: str) -> dict[str, Any]:
    """A documented link from an answer to the route that shows what was made, whose id stands in `field`."""
    return {"links": {operation: {"operationId": operation, "parameters": {"id": f"$response.body#/{field}"}}}}


def _refusal(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": REFUSALS[status], "content": {"application/problem+json": {"schema": PROBLEM}},
    }
    if status in {429, 503}:
        found["headers"] = WAIT
    return found
