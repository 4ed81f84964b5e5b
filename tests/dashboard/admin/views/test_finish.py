"""Finish the job and the proof, as an operator does it: choose, press, press again, print, check."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tasks import broadcasts, jobs
from tasks.expand import expand
from tasks.extensions import db
from tasks.models import Broadcast, Recipient
from tasks.options import SendOptions
from tests import factories
from tests.dashboard.admin.browsing import Browser, value_of, words

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def row(app: Flask) -> Broadcast:
    """A finished broadcast: 20 e-mails went out, one was refused, one is in doubt, and one person has no address."""
    factories.template("offer"), factories.rule("offer")
    factories.people(20)
    for word in ("bounce", "lost-reply"):
        factories.person(word, email=f"{word}@example.test")
    factories.person("nowhere")
    pk = broadcasts.create("all", "offer", {"amount": 1}, SendOptions(actor="asha@example.org"))
    expand(pk, lambda: False, lambda channels: None)
    while jobs._round("email"):
        pass
    assert broadcasts.finish() == [pk]
    return db.session.get(Broadcast, pk, populate_existing=True)


@pytest.fixture
def sender(browse: Callable[[str], Browser]) -> Browser:
    return browse("sender")


def again(browser: Browser, page: str, *chosen: str):
    kept = {name: value_of(page, name) for name in ("id", "version", "token")}
    return browser.post("/admin/finish/start/", {**kept, "chosen": list(chosen)})


def test_what_can_be_sent_again_is_offered_with_its_reason(sender: Browser, row: Broadcast) -> None:
    page = sender.get(f"/admin/finish/?id={row.pk}").text

    shown = words(page)
    assert "Failed 1 The provider's code simulated_bounce." in shown
    assert "In doubt 1 It was handed over and the answer never came" in shown
    assert "They may have arrived: whoever got it gets it twice." in shown
    assert "Skipped 1 The recipient has no e-mail address." in shown
    ticked = re.findall(r'value="([^"]+)" data-count="\d+" checked', page)
    assert ticked == ["email failed simulated_bounce"]  # what is in doubt is nobody's default


def test_a_round_goes_to_the_chosen_and_a_second_click_starts_none(sender: Browser, row: Broadcast) -> None:
    page = sender.get(f"/admin/finish/?id={row.pk}").text
    db.session.query(Recipient).filter_by(external_id="bounce").one().email = "mended@example.test"
    db.session.commit()

    first = again(sender, page, "email failed simulated_bounce")
    assert first.headers["Location"] == f"/admin/broadcasts/details/?id={row.pk}"
    assert "Round 2: 1 of them go out again." in words(sender.get(first.headers["Location"]).text)
    second = again(sender, page, "email failed simulated_bounce")

    assert "You started one more round of it at" in words(sender.get(second.headers["Location"]).text)
    db.session.expire_all()
    assert (row.round, row.state) == (2, "sending")
    shown = words(sender.get(first.headers["Location"]).text)
    assert "Round 2: 1 delivery" in shown
    assert "By sender@example.org: E-mail, failed" in shown


def test_without_a_choice_nothing_is_sent(sender: Browser, row: Broadcast) -> None:
    answer = again(sender, sender.get(f"/admin/finish/?id={row.pk}").text)

    assert answer.status_code == 422
    assert "Nothing is chosen." in words(answer.text)


def test_a_broadcast_that_still_runs_is_not_finished(sender: Browser, row: Broadcast) -> None:
    row.state = "sending"
    db.session.commit()

    assert "It is sending just now" in words(sender.get(f"/admin/finish/?id={row.pk}").text)


def test_the_proof_shows_every_clause_and_a_stranger_can_check_it(
    browse: Callable[[str], Browser], row: Broadcast, tmp_path: Path
) -> None:
    viewer = browse("viewer")
    page = viewer.get(f"/admin/proof/?id={row.pk}").text

    shown = words(page)
    assert "Every clause holds." in shown
    assert "holds: Nobody has two rows on one channel. rows too many: 0" in shown
    assert "Its 46 rows" in shown
    (sha256,) = set(re.findall(r"--sha256 ([0-9a-f]{64})", page))
    export = tmp_path / "proof.ndjson"
    export.write_bytes(viewer.get(f"/admin/proof/rows/?id={row.pk}").data)
    assert 'href="/static/check_proof.py"' in page

    command = [sys.executable, "-I", str(ROOT / "static/check_proof.py"), str(export), "--sha256", sha256]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_export_without_names_has_none(browse: Callable[[str], Browser], row: Broadcast) -> None:
    text = browse("viewer").get(f"/admin/proof/rows/?id={row.pk}&anonymous=1").text

    assert "lost-reply" not in text
    assert text.count("\n") == 48


def test_a_very_large_one_is_only_read_when_asked_for(
    browse: Callable[[str], Browser], row: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.admin.views.proof.AT_ONCE", 10)
    viewer = browse("viewer")

    assert "Every row will be read" in words(viewer.get(f"/admin/proof/?id={row.pk}").text)
    assert "Every clause holds." in words(viewer.get(f"/admin/proof/?id={row.pk}&make=1").text)


def test_the_finished_page_sums_up(browse: Callable[[str], Browser], row: Broadcast) -> None:
    page = words(browse("sender").get(f"/admin/broadcasts/details/?id={row.pk}").text)

    assert "Finished: 43 went out, 2 did not get through" in page
    assert "Went out 43 Not reached 2" in page
    assert "Finish the job" in page
    assert "Finish the job" not in words(browse("viewer").get(f"/admin/broadcasts/details/?id={row.pk}").text)
