"""`carillon init`, and what the other commands say where the database is not there, old, or from the future."""

import sqlite3
from pathlib import Path

import pytest

from tests.dashboard.cli.conftest import Carillon

COMMANDS = [
    ("status", "x"), ("send", "x", "--to", "1"), ("broadcast", "x", "--audience", "all"), ("prune",), ("demo",), ("worker",),
    ("key", "create", "x"), ("operator", "add", "a@b.org", "--role", "admin"), ("recipients", "import", "x.csv"),
]


def test_it_makes_the_database_once(carillon: Carillon, no_home: Path) -> None:
    first, second = carillon("init"), carillon("init")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == f"The database is made: sqlite://{no_home}/carillon.db\n".replace("//", "///", 1)
    assert second.stdout.startswith("The database was up to date: ")
    assert "Running upgrade" not in first.stderr
    with sqlite3.connect(no_home / "carillon.db") as connection:
        assert connection.execute("SELECT count(*) FROM installation").fetchone() == (1,)


def test_a_password_in_the_address_is_not_shown(
    carillon: Carillon, no_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARILLON_DATABASE_URL", "postgresql://ann:hunter2@127.0.0.1:1/shop")

    result = carillon("init")

    assert result.exit_code == 1
    assert "The database refuses: " in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_where_there_is_no_installation_nothing_is_made(carillon: Carillon, no_home: Path, command: tuple[str, ...]) -> None:
    result = carillon(*command)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no installation in ")
    assert "carillon init" in result.stderr
    assert not no_home.exists()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command[0] not in {"recipients"}], ids=lambda c: c[0])
def test_an_empty_database_is_named_with_its_remedy(carillon: Carillon, no_home: Path, command: tuple[str, ...]) -> None:
    no_home.mkdir()
    sqlite3.connect(no_home / "carillon.db").close()

    result = carillon(*command)

    assert result.exit_code == 1
    assert result.stderr == "Error: The database does not have this version's tables. Run `carillon init`.\n"


def test_a_database_of_a_newer_version_is_left_alone(carillon: Carillon, home: Path) -> None:
    with sqlite3.connect(home / "carillon.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_tomorrow'")
    connection.close()

    result = carillon("init")

    assert result.exit_code == 1
    assert "another version of Carillon" in result.stderr


def test_a_malformed_setting_is_named(carillon: Carillon, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARILLON_RETRY_DELAYS", "60,soon")

    result = carillon("status", "x")

    assert result.exit_code == 1
    assert "CARILLON_RETRY_DELAYS" in result.stderr
