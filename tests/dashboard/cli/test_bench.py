"""`carillon bench`: every line comes, nothing of anybody's is touched, and a database that holds something is refused."""

import pytest

from dashboard.bench import single, wire
from dashboard.cli import bench
from tests.dashboard.cli.conftest import Carillon


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"PEOPLE": 100, "MESSAGES": 10, "MAILS": 10, "ROUNDS": 1, "SENDS": 1}.items():
        monkeypatch.setattr(bench, name, size)
    monkeypatch.setattr(single, "BULK", 50)
    monkeypatch.setattr(wire, "FEW", 5)


@pytest.mark.usefixtures("small")
def test_every_line_stands_beside_its_reference(carillon: Carillon, no_home: object) -> None:
    result = carillon("bench")

    assert result.exit_code == 0, result.stderr
    for words in ("notify(), in-app", "notify_bulk() of 50", "to 100, one text", "personal text", "the simulator", "e-mail"):
        assert words in result.stderr  # a line each, as it comes; in the table they are wrapped
    assert result.stdout.count("bare") == 5
    assert "sqlite" in result.stderr
    assert not no_home.exists()  # type: ignore[attr-defined]


@pytest.mark.postgres
def test_a_database_that_holds_something_is_refused(carillon: Carillon, postgres_url: str) -> None:
    result = carillon("bench", "--database", postgres_url)

    assert result.exit_code == 1
    assert "not empty" in result.stderr

