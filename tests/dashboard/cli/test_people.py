"""`carillon recipients import`: what is good is in, what is not is named by its line."""

from pathlib import Path

from sqlalchemy import func, select

from tasks.audience import recipients
from tasks.extensions import db
from tasks.models import Recipient
from tests.dashboard.cli.conftest import Carillon, Inside


def test_people_come_in_and_bad_rows_are_named(carillon: Carillon, inside: Inside, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id,name,email,plan\n1,Ann,ann@example.test,vip\n2,Bob,nowhere,\n3,माया,,free\n,No id,,\n", encoding="utf-8")

    result = carillon("recipients", "import", str(file))

    assert result.exit_code == 1
    assert result.stdout == "2 people imported, 2 rows refused.\n"
    assert "line 3, email: 'nowhere' is not an e-mail address" in result.stderr
    assert "line 5" in result.stderr
    with inside():
        assert db.session.scalar(select(func.count()).select_from(Recipient)) == 2
        found = recipients.find("3")
        assert found is not None
        assert (found.name, found.attributes) == ("माया", {"plan": "free"})


def test_a_good_file_ends_well_and_twice_changes_nothing(carillon: Carillon, inside: Inside, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id;name\n" + "".join(f"{n};Person {n}\n" for n in range(2500)), encoding="utf-8")

    results = [carillon("recipients", "import", str(file)) for _ in range(2)]

    assert [result.exit_code for result in results] == [0, 0]
    assert results[1].stdout == "2500 people imported, 0 rows refused.\n"
    with inside():
        assert db.session.scalar(select(func.count()).select_from(Recipient)) == 2500


def test_many_bad_rows_are_counted_not_printed(carillon: Carillon, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id,email\n" + "".join(f"{n},bad\n" for n in range(80)), encoding="utf-8")

    result = carillon("recipients", "import", str(file))

    assert result.stderr.count("is not an e-mail address") == 50
    assert "... and 30 more." in result.stderr


def test_what_is_no_table_is_named(carillon: Carillon, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,email\nAnn,a@b.org\n", encoding="utf-8")

    missing, headless = carillon("recipients", "import", "nowhere.csv"), carillon("recipients", "import", str(file))

    assert (missing.exit_code, headless.exit_code) == (1, 1)
    assert "nowhere.csv cannot be read" in missing.stderr
    assert "names no id column" in headless.stderr
