"""The API's documentation: the document itself, and Swagger UI from files that come with the product."""

from importlib import resources
from typing import Any, cast

from flask import Blueprint, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_openapi3.openapi import OpenAPI

from dashboard.api.samples import add_samples
from dashboard.auth import public

SWAGGER = str(resources.files("flask_openapi3_swagger") / "templates" / "swagger")

pages = Blueprint("docs", __name__, static_folder=SWAGGER, static_url_path="/docs/static")


@pages.get("/openapi.json")
@public
def document() -> ResponseReturnValue:
    """The OpenAPI 3.1 document, drawn from the code's own schemas."""
    return jsonify(_honest(cast(OpenAPI, current_app).api_doc))


def _honest(document: dict[str, Any]) -> dict[str, Any]:
    """With samples, and without the 422 that the library adds to each route that names none: ours are problems, and all named."""
    document["components"]["schemas"].pop("ValidationErrorModel", None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    add_samples(document)
    return document


@pages.get("/docs/")
@public
def read() -> ResponseReturnValue:
    """The same to read and to try out. Nothing is loaded from elsewhere."""
    return render_template("docs.html")
