"""What `wsgi.py` serves: the application of one of possibly many web processes, begun where it is imported by a server."""

import atexit
import os

from flask import Flask

from dashboard import create_app
from dashboard.cli import register
from dashboard.web_process import begin
from tasks.config import load
from tasks.config_check import refuse
from tasks.errors import ConfigurationError
from tasks.logs import init_logging


def make_app() -> Flask:
    """The app with the command line's commands. In a server (not under the `flask` command) it refuses a dangerous
    configuration, and starts what a web process has beside its requests.

    Raises ConfigurationError naming the setting and what to do.
    """
    config = load()
    app = create_app(config)
    register(app)
    if os.environ.get("FLASK_RUN_FROM_CLI"):
        app.extensions["carillon.kind"] = "cli"
        return app
    init_logging(config)
    refuse(config)
    if not config.secret():
        raise ConfigurationError(
            "CARILLON_SECRET_KEY is not set, and sessions cannot be signed.", field="CARILLON_SECRET_KEY",
            remedy="Set it, the same for every process, to 32 random bytes, for example: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    atexit.register(begin(app).end)
    return app
