"""`carillon check`: every problem with its fix; exit status 1 where there is one."""

from pathlib import Path

import pytest

from tests.dashboard.cli.conftest import Carillon


def test_a_good_installation_has_notes_only(carillon: Carillon, home: Path) -> None:
    result = carillon("check")

    assert result.exit_code == 0
    assert "CARILLON_SMTP_URL: e-mail has no provider" in result.stdout
    assert result.stdout.endswith("no problems, 3 notes.\n")


def test_before_the_first_start_it_says_how_to_start(carillon: Carillon, no_home: Path) -> None:
    result = carillon("check")

    assert result.exit_code == 0
    assert "There is no installation in" in result.stdout
    assert not no_home.exists()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SECRET_KEY", "short", "shorter than 16 characters"),
        ("MAX_SOCKETS", "many", "valid integer"),
        ("SMTP_URL", "http://mail", "not an SMTP address"),
        ("SPARROW_TOKEN", "t", "the sender is not"),
        ("FCM_CREDENTIALS", "/nowhere.json", "no file at /nowhere.json"),
        *(("ALLOWED_ORIGINS", value, "is not an origin") for value in (
            "*", "https://*.example.org", "https://shop.example.org,*", ",", "null", "https://a@shop.example.org", "https://x?y",
        )),
        ("PROCESSES", "3", "no message queue"),
        ("QUEUE_URL", "amqp://x", "only redis://"),
        ("QUEUE_URL", "redis://127.0.0.1:1/0", "the queue does not answer"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/x", "refuses"),
        ("DATABASE_URL", "nonsense", "neither PostgreSQL nor SQLite"),
        ("DATABASE_URL", "oracle://x/y", "neither PostgreSQL nor SQLite"),
        ("DATABASE_URL", "postgresql://host:port/x", "no address that can be used"),
    ],
)
def test_each_problem_is_named_with_its_fix(
    carillon: Carillon, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"CARILLON_{variable}", value)

    result = carillon("check")

    assert result.exit_code == 1
    assert words in result.stdout
    first, fix = result.stdout.splitlines()[:2]
    assert first.startswith("✗ CARILLON_")
    assert fix.startswith("  ")
    assert fix.strip()


def test_several_malformed_settings_are_all_named(carillon: Carillon, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARILLON_MAX_SOCKETS", "many")
    monkeypatch.setenv("CARILLON_RETRY_DELAYS", "0")

    lines = [line for line in carillon("check").stdout.splitlines() if line.startswith("✗")]

    assert [line.partition(":")[0] for line in lines] == ["✗ CARILLON_MAX_SOCKETS", "✗ CARILLON_RETRY_DELAYS"]


def test_an_old_database_is_a_problem(carillon: Carillon, no_home: Path) -> None:
    no_home.mkdir()
    (no_home / "carillon.db").touch()

    result = carillon("check")

    assert result.exit_code == 1
    assert "Run `carillon init`" in result.stdout


def test_listening_to_the_world_needs_a_secret_key(carillon: Carillon, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARILLON_SECRET_KEY")

    assert carillon("check").exit_code == 0
    assert carillon("check", "--host", "0.0.0.0").exit_code == 1
