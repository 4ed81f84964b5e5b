"""The references: the same rows by bare statements, with nothing of the product around them."""

import json
import time
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlalchemy import text

from dashboard.bench.ground import MESSAGE, TITLE
from tasks.database import writing
from tasks.expand import SAME_PAGE
from tasks.extensions import db

NOTES = """INSERT INTO notifications (recipient_id, template_version_id, broadcast_id, created_at)
 SELECT id, 1, :broadcast, :now FROM recipients WHERE is_active AND id > :after AND id <= :last"""
ROWS = """INSERT INTO deliveries (notification_id, broadcast_id, channel, state, reason, detail, provider, attempt_count,
 reap_count, priority, created_at, {when}) SELECT id, broadcast_id, {values}, :now, :now FROM notifications
 WHERE broadcast_id = :broadcast AND recipient_id > :after AND recipient_id <= :last"""
IN_APP = ROWS.format(when="closed_at", values="'in_app', 'sent', '', '', 'socketio', 0, 0, 5")
QUEUED = ROWS.format(when="next_attempt_at", values="'email', 'queued', '', '', '', 0, 0, 5")
PEOPLE = "SELECT id, name, country FROM recipients WHERE is_active AND id > :after AND id <= :last ORDER BY id"
OWN = """INSERT INTO notifications (recipient_id, template_version_id, broadcast_id, title, message, recipient_fields, created_at)
 VALUES ({marks})"""
ONE = """INSERT INTO notifications (recipient_id, template_version_id, title, message, created_at)
 VALUES (:recipient, 1, 't', 'm', :now)"""
ITS_ROW = """INSERT INTO deliveries (notification_id, channel, state, reason, detail, provider, attempt_count, reap_count,
 priority, created_at)
 SELECT id, 'in_app', 'sent', '', '', 'socketio', 0, 0, 5, :now FROM notifications WHERE id > :first"""
LOOP = "{% for recipient in people %}" + TITLE + "\x00" + MESSAGE + "\x01{% endfor %}"
BATCH = 1_000  # people rendered and written at once, in the loop of one template
NOW = "2026-01-01 00:00:00.000000"


def same(people: int, broadcast: int, *, mail: bool = False) -> float:
    """Seconds for an in-app broadcast's rows, a page a transaction; with `mail` a queued row each besides."""
    size = SAME_PAGE[db.engine.dialect.name] // (2 if mail else 1)
    statements = [text(sql) for sql in (NOTES, IN_APP, *([QUEUED] if mail else []))]
    started = time.perf_counter()
    for after in range(0, people, size):
        given = {"broadcast": broadcast, "after": after, "last": after + size, "now": _now()}
        with writing() as connection:
            for statement in statements:
                connection.execute(statement, given)
    return time.perf_counter() - started


def personal(people: int, broadcast: int) -> float:
    """Seconds for texts of everybody's own: one template that loops over a batch, and the driver's own bulk writing."""
    template = ImmutableSandboxedEnvironment().from_string(LOOP)
    chosen, rows = text(PEOPLE), text(IN_APP)
    own = OWN.format(marks=", ".join(["%s" if db.engine.dialect.name == "postgresql" else "?"] * 7))
    started = time.perf_counter()
    for after in range(0, people, BATCH):
        given = {"broadcast": broadcast, "after": after, "last": after + BATCH, "now": _now()}
        with writing() as connection:
            found = [row._mapping for row in connection.execute(chosen, {"after": after, "last": after + BATCH})]
            texts = template.render(people=found, amount=1).split("\x01")
            connection.exec_driver_sql(own, [_own(person, words, broadcast) for person, words in zip(found, texts, strict=False)])
            connection.execute(rows, given)
    return time.perf_counter() - started


def _own(person: Any, words: str, broadcast: int) -> tuple[Any, ...]:
    title, _, message = words.partition("\x00")
    kept = json.dumps({"name": person["name"], "country": person["country"]})
    return person["id"], 1, broadcast, title, message, kept, _now()


def single(count: int) -> float:
    """Seconds for the rows of `count` in-app messages in one transaction, by two statements of values."""
    note = {"recipient": 1, "now": _now()}
    started = time.perf_counter()
    with writing() as connection:
        first = connection.execute(text("SELECT coalesce(max(id), 0) FROM notifications")).scalar_one()
        connection.execute(text(ONE), [note] * count)
        connection.execute(text(ITS_ROW), {"first": first, "now": _now()})
    return time.perf_counter() - started


def _now() -> str:
    return NOW + ("+00" if db.engine.dialect.name == "postgresql" else "")
