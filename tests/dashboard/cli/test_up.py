"""`carillon up` where it refuses to start. How it runs is in tests/dashboard/test_serve.py."""

import socket
from pathlib import Path

import pytest

from dashboard.serve import listen
from tests.dashboard.cli.conftest import Carillon


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("--host", "0.0.0.0"), {"SECRET_KEY": ""}, "CARILLON_SECRET_KEY"),
        (("--host", "203.0.113.7"), {}, "Cannot listen on 203.0.113.7"),
        (("--host", "no such host"), {}, "Cannot listen on no such host"),
        ((), {"PROCESSES": "2"}, "CARILLON_MESSAGE_QUEUE_URL"),
        ((), {"ADMIN_PASSWORD": "short"}, "CARILLON_ADMIN_PASSWORD"),
        ((), {"ADMIN_EMAIL": "nobody"}, "CARILLON_ADMIN_EMAIL"),
        ((), {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "CARILLON_DATABASE_URL"),
        ((), {"DATABASE_URL": "mysql://127.0.0.1:1/x"}, "CARILLON_DATABASE_URL"),
    ],
)
def test_what_is_dangerous_or_cannot_work_is_refused_with_its_fix(
    carillon: Carillon, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], settings: dict[str, str], words: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"CARILLON_{name}", value)

    refused = carillon("up", "--port", "0", *arguments)

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: ")
    assert refused.stderr.count("\n") == 1
    assert words in refused.stderr


def test_a_home_that_cannot_be_made_is_named(carillon: Carillon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARILLON_HOME", str(tmp_path / "file" / "home"))

    refused = carillon("up", "--port", "0")

    assert refused.exit_code == 1
    assert "Check CARILLON_HOME" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_port_in_use_is_found_before_anything_is_made(carillon: Carillon, no_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = carillon("up", "--port", str(taken.getsockname()[1]))

    assert refused.exit_code == 1
    assert "is in use, by another program or another Carillon. Stop that one" in refused.stderr
    assert not (no_home / "carillon.db").exists()


def test_a_free_port_is_taken_on_either_family() -> None:
    with listen("127.0.0.1", 0) as four, listen("::1", 0) as six:
        assert four.getsockname()[1] > 0
        assert six.family == socket.AF_INET6
