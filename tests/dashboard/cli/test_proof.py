"""`carillon finish` and `carillon proof`."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tasks import broadcasts, jobs
from tasks.database import writing
from tasks.extensions import db
from tasks.models import Broadcast, BroadcastCount, Delivery
from tasks.options import SendOptions
from tests.dashboard.cli.conftest import Carillon, Inside
from tests.factories import people, person, rule, template

CHECK = Path(__file__).resolve().parents[3] / "static" / "check_proof.py"


@pytest.fixture
def made(inside: Inside) -> str:
    """The id of a completed broadcast: three sent, one skipped."""
    with inside():
        template()
        rule()
        people(3)
        person("nobody")
        pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
        _go(pk)
        return str(db.session.get_one(Broadcast, pk).id)


def _go(pk: int) -> None:
    jobs.expand_broadcast.call_local(pk)
    while jobs._round("email"):
        pass
    broadcasts.finish()


def test_a_dry_run_says_what_would_be_sent_again(carillon: Carillon, made: str) -> None:
    result = carillon("finish", made, "--dry-run")

    assert result.exit_code == 0
    assert result.stdout.split()[5:9] == ["email", "skipped", "no_email", "1"]
    assert "looked at again" in result.stderr
    assert json.loads(carillon("finish", made, "--dry-run", "--json").stdout)[0]["reason"] == "no_email"
    assert "Nothing of this is left" in carillon("finish", made, "--dry-run", "--state", "failed").stderr
    assert carillon("finish", made, "--state", "failed").exit_code == 1


def test_a_round_is_started_once(carillon: Carillon, inside: Inside, made: str) -> None:
    result = carillon("finish", made, "--state", "skipped", "--reason", "no_email", "--channel", "email")

    assert result.exit_code == 0
    assert "Round 2: 1 delivery is sent again." in result.stdout
    second = carillon("finish", made)
    assert (second.exit_code, "finish by cli" in second.stderr) == (1, True)
    with inside():
        assert db.session.scalars(select(Broadcast.round)).one() == 2
    assert carillon("finish", made, "--state", "sent").exit_code == 2
    assert carillon("finish", "nonsense").exit_code == 1


def test_a_proof_that_holds_ends_well_and_one_that_does_not_with_1(carillon: Carillon, inside: Inside, made: str) -> None:
    result = carillon("proof", made)

    assert result.exit_code == 0
    assert result.stdout.count("yes") == 7
    assert "SHA-256" in result.stdout
    assert json.loads(carillon("proof", made, "--json").stdout)["holds"] is True
    with inside(), writing() as connection:
        connection.execute(update(BroadcastCount).values(count=99))
    broken = carillon("proof", made)
    assert (broken.exit_code, "NO" in broken.stdout, "99" in broken.stdout) == (1, True, True)
    assert carillon("proof", "nonsense").exit_code == 1


def test_an_export_is_what_the_script_checks(
    carillon: Carillon, inside: Inside, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, words in (((), '"nobody"'), (("--anonymous",), "")):
        file = tmp_path / "rows.ndjson"
        assert carillon("proof", made, "--export", str(file), *arguments).exit_code == 0
        assert (words or '"nobody"') in file.read_text() if words else '"nobody"' not in file.read_text()
        monkeypatch.setattr(sys, "argv", ["check_proof.py", str(file)])
        assert runpy.run_path(str(CHECK))["main"]() == 0
    piped = carillon("proof", made, "--export", "-")
    assert len(piped.stdout.splitlines()) == 10
    assert carillon("proof", made, "--anonymous").exit_code == 2
    with inside(), writing() as connection:
        connection.execute(update(Delivery).where(Delivery.channel == "email").values(state="queued"))
    running = carillon("proof", made)
    assert (running.exit_code, "Not at rest" in running.stderr) == (1, True)
