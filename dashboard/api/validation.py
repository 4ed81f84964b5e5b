"""What pydantic found wrong, said as one problem: the first error in full, all of them in `errors`."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from dashboard.api.body import pointer
from tasks.errors import InvalidBody, InvalidParameter

OBJECT = "Send a JSON object."
CODES = {"missing": "missing_field", "extra_forbidden": "unknown_field"}
REMEDIES = {
    "string_type": "Send text.", "bool_type": "Send true or false.", "int_type": "Send a whole number.",
    "float_type": "Send a number.", "list_type": "Send a list.", "dict_type": OBJECT, "model_type": OBJECT,
    "greater_than": "Send more than {gt}.", "greater_than_equal": "Send at least {ge}.", "less_than_equal": "Send at most {le}.",
    "string_too_short": "Send at least {min_length} characters.", "string_too_long": "Send at most {max_length} characters.",
    "too_short": "Send at least {min_length} of them.", "too_long": "Send at most {max_length} of them.",
    "literal_error": "Send {expected}.",
}
MOST = 20  # errors listed


def refuse_body(error: ValidationError) -> NoReturn:
    """flask-openapi3 calls this for what does not fit a route's models. Raises InvalidBody."""
    raise problem_of(error)


def problem_of(error: ValidationError, *prefix: object) -> InvalidBody:
    """The InvalidBody that says what `error` found; its pointers begin with `prefix`."""
    in_body = not error.title.endswith(("Path", "Headers", "Query"))
    found = [_one(item, prefix, in_body) for item in error.errors(include_url=False)]
    first = found[0]
    kind = InvalidBody if in_body else InvalidParameter
    problem = kind(first["detail"], field=first["field"], remedy=first["remedy"], errors=found[:MOST])
    problem.code = first["code"]
    return problem


def fields_of(model: type[BaseModel]) -> list[str]:
    """The names a model knows, as they are written in JSON."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _one(item: Mapping[str, Any], prefix: Sequence[object], in_body: bool) -> dict[str, str]:
    path = (*prefix, *item["loc"])
    field = pointer(*path) if in_body else str(path[0])
    code = CODES.get(item["type"], "invalid_value")
    name = ".".join(str(part)[:60] for part in path[-2 if path and isinstance(path[-1], int) else -1:]) or "The body"
    match code:
        case "missing_field":
            return {"code": code, "field": field, "detail": f"{name!r} is missing.", "remedy": "Add this field."}
        case "unknown_field":
            remedy = "Remove this field; /docs/ lists those that are known."
            return {"code": code, "field": field, "detail": f"{name!r} is no field of this request.", "remedy": remedy}
    message = str(item["msg"]).removeprefix("Value error, ")
    message = "this is not a JSON object" if REMEDIES.get(item["type"]) == OBJECT else message
    remedy = REMEDIES.get(item["type"], "Correct this field.")
    return {"code": code, "field": field, "detail": f"{name}: {message}.", "remedy": remedy.format_map(item.get("ctx", {}))}
