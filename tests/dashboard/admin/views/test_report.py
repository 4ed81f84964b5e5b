"""The closing report adds up to the audience, and the failed come as a file that no spreadsheet runs."""

import csv
import tracemalloc
from collections import Counter
from io import StringIO

import pytest
from flask import Flask
from sqlalchemy import event, insert

from dashboard.admin.display import failures
from dashboard.admin.display.closing import closing
from dashboard.admin.display.progress import progress
from tasks import broadcasts, control, jobs, rounds
from tasks.database import writing
from tasks.expand import expand
from tasks.extensions import db
from tasks.ledger import counts
from tasks.models import Broadcast, Delivery, Notification
from tasks.options import Canary, SendOptions
from tests import factories
from tests.dashboard.admin.browsing import Browser, words

NASTY = ("=1+1", "+1", "-1", "@cmd", "\tx")


@pytest.fixture
def sent(any_app: Flask) -> Broadcast:
    """30 people get it, five with nasty names have an address that bounces, one is in doubt and one has none."""
    factories.template("offer"), factories.rule("offer")
    factories.people(30)
    for name in NASTY:
        factories.person(f"{name}id", name=name, email="bounce@example.test")
    factories.person("lost", email="lost-reply@example.test")
    factories.person("nowhere")
    return _send()


def _send(**options) -> Broadcast:
    pk = broadcasts.create("all", "offer", {"amount": 1}, SendOptions(actor="asha@example.org", **options))
    expand(pk, lambda: False, lambda channels: None)
    while jobs._round("email"):
        pass
    broadcasts.finish()
    return db.session.get(Broadcast, pk, populate_existing=True)


def test_on_every_channel_it_adds_up_to_the_audience(any_app: Flask, sent: Broadcast) -> None:
    browser = Browser(any_app, "viewer")
    report = closing(progress(sent))
    assert (report.audience, report.adds_up) == (37, True)
    assert {line.words: line.counts["email"] for line in report.lines} == {"Sent": 30, "Failed": 5, "In doubt": 1, "Skipped": 1}

    for path in ("/admin/report/", "/admin/broadcasts/details/"):
        said = words(browser.get(path, id=sent.pk).text)
        assert "Sent 37 30 Failed 0 5 In doubt 0 1 Skipped 0 1 Audience 37 37" in said
        assert "adds up to the audience of 37" in said
    assert browser.get("/admin/report/", id=999).status_code == 404


def test_one_that_ended_early_counts_those_who_were_never_written(any_app: Flask) -> None:
    factories.template("offer"), factories.rule("offer")
    factories.people(30)
    row = _send(canary=Canary(4))
    control.cancel(row.pk, "asha")
    control.sweep_cancelled(row.pk, 1)
    report = closing(progress(db.session.get(Broadcast, row.pk, populate_existing=True)))
    assert report.adds_up
    assert {line.words: line.counts for line in report.lines} == {
        "Sent": {"in_app": 4, "email": 4}, "Never written": {"in_app": 26, "email": 26},
    }


def test_the_failed_are_a_file_that_runs_nowhere(any_app: Flask, sent: Broadcast) -> None:
    browser = Browser(any_app, "viewer")
    answer = browser.post("/admin/report/failed/", {"id": sent.pk})
    assert answer.headers["Content-Disposition"] == f"attachment; filename=failed-{sent.id}.csv"
    lines = list(csv.DictReader(StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert Counter(line["state"] for line in lines) == {"Failed": 5, "In doubt": 1}
    assert [line["name"] for line in lines][:5] == [f"'{name}" for name in NASTY]
    assert [line["recipient"] for line in lines][:5] == [f"'{name}id" for name in NASTY]
    assert lines[0]["reason"] == "simulated_bounce"
    assert browser.post("/admin/report/failed/", {"id": "x"}).status_code == 404
    assert Browser(any_app, "viewer").get("/admin/audit/").text.count("export") > 0


def test_a_file_of_many_pages_needs_no_more_memory_and_reads_by_its_index(
    any_app: Flask, sent: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "PAGE", 200)
    many = 3 * failures.PAGE
    with writing() as connection:
        people = [row.recipient_id for row in connection.execute(Notification.__table__.select())]
        rows = [{"recipient_id": people[0], "template_version_id": sent.template_version_id, "own_data": {}} for _ in range(many)]
        pks = connection.execute(insert(Notification).returning(Notification.pk), rows).scalars().all()
        failed = {"broadcast_id": sent.pk, "channel": "email", "state": "failed", "reason": "gave_up"}
        connection.execute(insert(Delivery), [{"notification_id": pk, **failed} for pk in pks])
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda _c, _u, text, *_: asked.append(text))
    lines = failures.rows(sent.pk)
    seen = 0
    tracemalloc.start()
    for _ in lines:
        seen += 1
        if seen == failures.PAGE:
            tracemalloc.reset_peak()
            first = tracemalloc.get_traced_memory()[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == many + 6
    assert peak < first + 1_000_000
    assert not any("OFFSET" in text.upper() and "OFFSET ?" not in text for text in asked)
    assert sum("FROM deliveries" in text for text in asked) <= 2 * (many // failures.PAGE + 4)


def test_a_large_broadcast_is_finished_without_reading_what_was_skipped(any_app: Flask, sent: Broadcast) -> None:
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda _c, _u, text, *_: asked.append(text))
    left = rounds.choices(sent.pk, by_reason=False)
    assert not any("notifications" in text for text in asked)
    assert [(one.state, one.reason, one.count) for one in left] == [
        ("failed", "simulated_bounce", 5), ("skipped", None, 1), ("unknown", "in_doubt", 1),
    ]
    skipped = rounds.Choice("email", "skipped")
    found = rounds.finish(sent.pk, [skipped], "asha")
    assert found.count == 1
    assert not any("JOIN notifications" in text for text in asked)


def test_the_page_of_a_large_one_offers_to_read_every_row(any_app: Flask, sent: Broadcast) -> None:
    browser = Browser(any_app, "sender")
    with writing() as connection:
        connection.execute(Broadcast.__table__.update().values(audience_count=1_000_000))
    page = browser.get("/admin/finish/", id=sent.pk).text
    assert "Whatever the reason." in words(page)
    assert "Whatever the reason." not in words(browser.get("/admin/finish/", id=sent.pk, reasons=1).text)
    token = {"id": sent.pk, "version": sent.version, "token": "t", "reasons": ""}
    browser.post("/admin/finish/start/", {**token, "chosen": ["email skipped *"]})
    assert rounds.history(sent.pk)[0].count == 1


def test_counters_alone_make_the_report(any_app: Flask, sent: Broadcast) -> None:
    with writing() as connection:
        counts.add(connection, 1, {(sent.pk, "email", "sent"): -1})
    assert not closing(progress(sent)).adds_up
    assert "It does not add up." in words(Browser(any_app, "viewer").get("/admin/report/", id=sent.pk).text)
