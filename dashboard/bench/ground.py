"""Where a benchmark runs: a database of its own, made for it and taken away afterwards. Never anybody's data."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import insert, inspect, text

from tasks import database, schema, templates
from tasks.config import load
from tasks.errors import ConfigurationError
from tasks.extensions import db
from tasks.ledger import processes
from tasks.live import init_live
from tasks.models import Recipient, Rule
from tasks.queue import huey
from tasks.setup import init_app

SAME, PERSONAL = "bench_same", "bench_personal"  # in the inbox only
OFFER, MAIL = "bench_offer", "bench_mail"  # by e-mail too: one text for all, and a text of everybody's own
TEXTS = "bench_sms"  # by SMS too
TITLE, MESSAGE = "Payment of ₹{{ amount }}", "Dear {{ recipient.name }}, we received ₹{{ amount }} from {{ recipient.country }}."
CHUNK = 10_000  # people written at once


@contextmanager
def ground(database_url: str = "", **settings: Any) -> Iterator[Flask]:
    """An app on an empty, migrated database, its context pushed: SQLite in a new folder, or the PostgreSQL one at `database_url`.

    Nothing of the environment's providers is used. Raises ConfigurationError where that database holds any table; at the end it
    is left as empty as it was.
    """
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as home:
        nowhere = dict.fromkeys(
            ("queue_url", "message_queue_url", "smtp_url", "fcm_credentials", "sparrow_token", "user_source_url"), ""
        )
        app = Flask("carillon-bench")
        app.extensions["carillon.kind"] = "cli"
        init_app(app, load(**{**nowhere, "home": home, "database_url": database_url, **settings}))
        init_live(app, server=False)
        with app.app_context():
            try:
                _require_empty()
                yield from _made(app, database_url)
            finally:
                db.session.remove()
                database.close()
                huey.storage.close()


def _made(app: Flask, database_url: str) -> Iterator[Flask]:
    try:
        schema.migrate()
        _templates()
        yield app
    finally:
        for provider in app.extensions["carillon.providers"].values():
            provider.close()
        processes.end()
        db.session.remove()
        if database_url:
            downgrade(revision="base")
            with db.engine.begin() as connection:
                connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def fill(people: int) -> None:
    """Write `people` recipients, the first with recipients.id 1, and let the database look at them."""
    for start in range(0, people, CHUNK):
        rows = [
            {"external_id": str(n), "name": f"Person {n}", "email": f"u{n}@example.test", "country": "NP", "attributes": {},
             "phone": f"+9779{840_000_100 + n}", "is_active": True}
            for n in range(start, min(start + CHUNK, people))
        ]
        with db.engine.begin() as connection:
            connection.execute(insert(Recipient), rows)
    settle()


def settle() -> None:
    """Give the database's planner its figures, as a server that has run for a while has them."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if db.engine.dialect.name == "postgresql" else "ANALYZE"))


def _require_empty() -> None:
    if inspect(db.engine).get_table_names():
        raise ConfigurationError(
            "This database is not empty: a benchmark would write a million rows into it.", field="--database",
            remedy="Make an empty one (createdb carillon_bench) and name that, or leave it out for SQLite.",
        )


def _templates() -> None:
    templates.create(SAME, "One text", SAME, title=TITLE, message="Thank you.", actor="bench")
    templates.create(PERSONAL, "A text of one's own", PERSONAL, title=TITLE, message=MESSAGE, actor="bench")
    templates.create(MAIL, "A mail", MAIL, title=TITLE, message=MESSAGE, email_html=f"<p>{MESSAGE}</p>" * 100, actor="bench")
    templates.create(OFFER, "An offer", OFFER, title=TITLE, message="Thank you.", actor="bench")
    templates.create(TEXTS, "A text message", TEXTS, title=TITLE, message=MESSAGE, actor="bench")
    for slug, channel in ((OFFER, "email"), (MAIL, "email"), (TEXTS, "sms")):
        db.session.add(Rule(notification_type=slug, channels=[channel]))
    db.session.commit()

