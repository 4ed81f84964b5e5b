"""The start page's charts: quarters put together by the operator's own clock, with the same figures in words and in a table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from dashboard.admin.overview import charts as module
from dashboard.admin.overview.charts import charts, percentile, plain
from tasks.extensions import db
from tasks.figures import EDGES
from tasks.models import Figure
from tasks.models.words import EMAIL, IN_APP, PUSH
from tests.dashboard.admin.browsing import Browser, words

NOW = datetime(2026, 3, 1, 12, 40, tzinfo=UTC)  # 18:25 in Kathmandu, whose hours begin at a quarter past UTC's


@pytest.fixture
def kathmandu(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "utcnow", lambda: NOW)
    monkeypatch.setattr("dashboard.admin.display.times.operator_zone", lambda: "Asia/Kathmandu")
    with any_app.test_request_context():
        yield


def figure(ago: timedelta, channel: str, **values) -> None:
    at = NOW.replace(minute=30) - ago
    db.session.add(Figure(quarter=at, channel=channel, **values))
    db.session.commit()


def waits(**counts: int) -> list[int]:
    """Counts by the position of their edge: e3=5 is five below the fourth edge."""
    found = [0] * (len(EDGES) + 1)
    for name, number in counts.items():
        found[int(name[1:])] = number
    return found


@pytest.mark.usefixtures("kathmandu")
def test_quarters_belong_to_the_hours_of_the_operators_clock() -> None:
    figure(timedelta(minutes=15), IN_APP, sent=3)  # 12:15 UTC is 18:00 there
    figure(timedelta(minutes=30), IN_APP, sent=5)  # 12:00 UTC is 17:45 there

    found = charts("day")

    assert found.labels[-2:] == ["17:00", "18:00"]
    assert len(found.labels) == 24
    assert found.charts[0].series[0].values[-2:] == [5, 3]
    assert found.charts[0].said == "8 sent: In-app 8."


@pytest.mark.usefixtures("kathmandu")
@pytest.mark.parametrize(("span", "marks"), [("week", 57), ("month", 30)])
def test_longer_stretches_have_longer_marks(span: str, marks: int) -> None:
    figure(timedelta(days=5), EMAIL, sent=7)

    found = charts(span)

    assert marks - 1 <= len(found.labels) <= marks
    assert sum(found.charts[0].series[3].values) == 7


@pytest.mark.usefixtures("kathmandu")
def test_the_share_that_failed_and_the_wait_are_said() -> None:
    figure(timedelta(), EMAIL, sent=95, failed=5, waits=waits(e0=50, e5=50), waiting=4)
    figure(timedelta(), PUSH, sent=0, failed=0)

    failures, wait, queue = charts("day").charts[1:]

    assert failures.series[2].values[-1] == 5.0
    assert failures.series[0].values[-1] is None
    assert failures.said == "5 of 100 that were tried failed, 5.0%."
    assert wait.said == "Half of all were with the provider within 0.1 s, 95% within 4.7 s."
    assert queue.said == "4 wait now: E-mail 4."


@pytest.mark.usefixtures("kathmandu")
def test_without_figures_every_chart_says_what_would_show_there() -> None:
    found = charts("day")

    assert all(one.is_empty and one.empty and plain(one, found.titles) == [] for one in found.charts)


@pytest.mark.usefixtures("kathmandu")
def test_the_table_has_the_marks_that_say_something_newest_first() -> None:
    figure(timedelta(minutes=15), EMAIL, sent=1_200)
    figure(timedelta(hours=3), EMAIL, sent=2)
    found = charts("day")

    rows = plain(found.charts[0], found.titles)

    assert rows == [
        ("Sun 1 Mar, 18:00 to 19:00", ["0", "0", "0", "1,200"]), ("Sun 1 Mar, 15:00 to 16:00", ["0", "0", "0", "2"]),
    ]


def test_a_percentile_lies_between_two_edges() -> None:
    assert percentile(waits(), 0.5) is None
    assert percentile(waits(e1=10), 0.5) == pytest.approx((EDGES[0] + EDGES[1]) / 2)
    assert percentile(waits(e0=90, e15=10), 0.95) == EDGES[-1]


def test_the_page_shows_them_and_an_unknown_stretch_is_a_day(admin: Browser) -> None:
    for span, label in (("day", "24 hours"), ("week", "7 days"), ("nonsense", "24 hours")):
        page = words(admin.get("/admin/", span=span).text)
        assert f"The last {label}" in page
        assert "Nothing was sent yet." in page
