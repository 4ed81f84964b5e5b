"""Carillon's web surfaces: `create_app()` makes the Flask app that browsers, services and apps talk to."""

from pathlib import Path

from flask_openapi3.openapi import OpenAPI

from dashboard import admin, api, auth, cors, observing, problems, security, sockets
from dashboard.admin.desk.events import init_desk
from tasks.config import Settings, load
from tasks.setup import init_app

ROOT = Path(__file__).resolve().parent.parent

__version__ = api.VERSION


def create_app(config: Settings | None = None, **overrides: object) -> OpenAPI:
    """The web application. Settings come from the environment; `overrides` (field names of Settings) win over it.

    Raises ConfigurationError where a setting is malformed. The caller decides whether to `refuse` a dangerous one.
    """
    config = config or load(**overrides)
    app = api.make_app(__name__, static_folder=str(ROOT / "static"), template_folder=str(ROOT / "templates"))
    init_app(app, config)
    observing.init_observing(app)  # first: its id is on whatever the others log
    cors.init_cors(app, config)
    auth.init_auth(app)
    problems.init_problems(app)
    security.init_security(app, config)
    api.init_api(app)
    admin.init_admin(app)
    sockets.init_sockets(app)
    init_desk(app)
    security.trust_proxies(app, config)  # last: outside everything that wraps the app
    return app
