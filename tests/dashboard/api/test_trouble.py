"""The database locked or gone: 503 with Retry-After, and nothing half accepted."""

import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard import create_app, keys
from tasks import database
from tasks.extensions import db
from tasks.models import Delivery, Notification, Recipient
from tasks.models.words import SCOPES
from tests.conftest import _running
from tests.dashboard.api.conftest import MAYA, PAYMENT, client_with, seed

BODY: dict[str, Any] = {**PAYMENT, "recipient": MAYA}


@pytest.fixture
def impatient(sqlite_settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app that waits a fifth of a second for SQLite's lock, not ten."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    yield from _running(create_app(**sqlite_settings))


def test_a_locked_database_accepts_nothing_and_says_when_to_come_back(impatient: Flask, sqlite_settings: dict[str, Any]) -> None:
    seed()
    client = client_with(impatient, *SCOPES)
    assert client.get("/recipients/42/").status_code == 404
    holder = sqlite3.connect(Path(sqlite_settings["home"]) / "carillon.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    calls = [
        ("POST", "/notify/", BODY), ("POST", "/notify/bulk/", {**PAYMENT, "recipients": [MAYA]}),
        ("POST", "/notify/broadcast/", {"template_name": "maintenance_notice", "data": {"date": "x"}, "audience": "all"}),
        ("PUT", "/recipients/42/", {"name": "Maya"}),
    ]
    answers = [client.open(path, method=method, json=body) for method, path, body in calls]
    read = client.get("/recipients/42/")
    holder.execute("ROLLBACK")
    holder.close()

    for (_, path, _), answer in zip(calls, answers, strict=True):
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable"), path
        assert answer.headers["Retry-After"] == "5"
        assert "Nothing was accepted" in answer.json["remedy"]
        assert "sqlite" not in answer.text.lower(), "no insides in the answer"
    assert read.status_code == 404, "reading goes on while somebody writes"
    for model in (Notification, Delivery, Recipient):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    assert client.post("/notify/", json=BODY).status_code == 202, "the same call goes through afterwards"


def test_a_database_that_is_gone_is_503_and_not_ready(settings: dict[str, object], tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        url = f"postgresql://carillon@127.0.0.1:{nobody.getsockname()[1]}/carillon"
        app = create_app(home=tmp_path, database_url=url, secret_key="a-test-secret-of-32-bytes-or-more")
        plaintext = keys._new_plaintext()

        answer = app.test_client().post("/notify/", json=BODY, headers={"Authorization": f"Bearer {plaintext}"})
        alive, ready = app.test_client().get("/healthz"), app.test_client().get("/readyz")

    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert (alive.status_code, alive.json) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json) == (503, {"status": "not ready", "database": "down", "queue": "ok"})


def test_a_queue_that_is_gone_is_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        lost = create_app(
            database_url=str(app.config["SQLALCHEMY_DATABASE_URI"]), secret_key="a-test-secret-of-32-bytes-or-more",
            queue_url=f"redis://127.0.0.1:{nobody.getsockname()[1]}/0",
        )
        answer = lost.test_client().get("/readyz")

    assert (answer.status_code, answer.json["database"], answer.json["queue"]) == (503, "ok", "down")


def test_all_is_well(any_app: Flask) -> None:
    answer = any_app.test_client().get("/readyz")

    assert (answer.status_code, answer.json) == (200, {"status": "ready", "database": "ok", "queue": "ok"})


def test_a_database_without_tables_is_not_ready(tmp_path: Path) -> None:
    empty = create_app(home=tmp_path, secret_key="a-test-secret-of-32-bytes-or-more")

    assert empty.test_client().get("/readyz").json["database"] == "down"
