"""What every process of Carillon does first: settings, database, queue and providers, on a Flask app."""

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from tasks import queue
from tasks.config import Settings
from tasks.database import init_database
from tasks.extensions import db
from tasks.together import init_together

MIGRATIONS = Path(__file__).parent / "migrations"
migrate = Migrate(directory=str(MIGRATIONS), render_as_batch=True)


def init_app(app: Flask, config: Settings) -> None:
    """Prepare `app` to send: afterwards `notify()` works inside its context, and `tasks.worker` can run on it.

    Settings go to app.extensions["carillon.settings"]. The database must be migrated (`carillon init`) before anything is sent.
    """
    app.extensions["carillon.settings"] = config
    app.extensions["carillon.providers"] = {}
    app.config["SECRET_KEY"] = (
        app.config.get("SECRET_KEY") or config.secret() or None
    )  # Flask's own default is a None that is there
    init_database(app, config)
    if config.database.startswith("sqlite"):
        init_together(app)
    migrate.init_app(app, db)
    queue.connect(app, config.queue)
