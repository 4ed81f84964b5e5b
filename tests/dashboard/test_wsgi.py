"""`gunicorn wsgi:app`: one of possibly many web processes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from dashboard import web_process, wsgi
from tasks.errors import ConfigurationError
from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Process


def kinds() -> list[tuple[str, bool]]:
    db.session.rollback()
    return [(row.kind, row.ended_at is None) for row in db.session.scalars(select(Process).order_by(Process.id))]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "CARILLON_SECRET_KEY is not set"),
        ({"secret_key": "k" * 32, "processes": "2"}, "CARILLON_MESSAGE_QUEUE_URL"),
        ({"secret_key": "k" * 32, "allowed_origins": "*"}, "CARILLON_ALLOWED_ORIGINS"),
    ],
)
def test_a_dangerous_configuration_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], words: str
) -> None:
    for name, value in {"home": str(tmp_path), **settings}.items():
        monkeypatch.setenv(f"CARILLON_{name.upper()}", value)

    with pytest.raises(ConfigurationError, match=words):
        wsgi.make_app()


def test_the_flask_command_has_ours_and_starts_nothing(
    sqlite_settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.setenv("CARILLON_HOME", str(sqlite_settings["home"]))
    monkeypatch.setenv("CARILLON_SECRET_KEY", str(sqlite_settings["secret_key"]))

    app = wsgi.make_app()

    result = app.test_cli_runner().invoke(args=["status", "nothing"])
    assert result.exit_code == 1
    assert "No notification and no broadcast has the id nothing" in result.output
    assert {"up", "worker", "send", "prune"} <= set(app.cli.commands)
    with app.app_context():
        assert app.extensions["carillon.kind"] == "cli"
        assert kinds() == []
        db.engine.dispose()


def test_a_web_process_says_that_it_lives_until_it_ends(app: Flask) -> None:
    running = web_process.begin(app)
    try:
        until_registered(running)
        assert kinds() == [("web", True)]
    finally:
        running.end()

    assert kinds() == [("web", False)]
    assert not running.pulse.is_alive()


def test_a_pulse_outlives_a_database_that_is_away(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(processes, "HEARTBEAT", 0.05)
    with monkeypatch.context() as away:
        away.setattr(processes, "current_process_id", refuse)
        running = web_process.begin(app)
        while "no sign of life could be written" not in caplog.text:
            running.pulse.join(0.02)
            assert running.pulse.is_alive()
    try:
        until_registered(running)
    finally:
        running.end()


def refuse() -> int:
    raise OperationalError("SELECT 1", {}, Exception("the database is away"))


def until_registered(running: web_process.WebProcess) -> None:
    deadline = time.monotonic() + 30
    while not kinds():
        assert time.monotonic() < deadline
        running.pulse.join(0.02)


@pytest.mark.parametrize(
    ("limits", "sockets", "expected"),
    [((256, 4_000), 1_000, 2_000), ((256, 1_500), 1_000, 1_500), ((3_000, 4_000), 1_000, 3_000)],
)
def test_there_is_a_file_for_each_live_connection_as_far_as_the_system_allows(
    limits: tuple[int, int], sockets: int, expected: int
) -> None:
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {limits}); from dashboard.web_process import allow_files;"
        f"allow_files({sockets}); print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str((expected, limits[1]))
    assert ("LimitNOFILE" in done.stderr) == (expected < sockets + 1_000)
