"""What the start page charts: the figures of quarters (tasks.figures), put together to hours or days of the operator's zone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from dashboard.admin.display.labels import channel_label
from dashboard.admin.display.times import zone
from tasks.extensions import db
from tasks.figures import EDGES, QUARTER
from tasks.models import Figure, Installation
from tasks.models.types import utcnow
from tasks.models.words import CHANNELS, OUTSIDE_CHANNELS

Value = float | int | None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time and the hours that one mark of the chart covers."""

    label: str
    length: timedelta
    hours: int


SPANS: Final = {
    "day": Span("24 hours", timedelta(hours=23), 1),
    "week": Span("7 days", timedelta(days=6, hours=21), 3),
    "month": Span("30 days", timedelta(days=29), 24),
}


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one layer of the bars; a value for each mark, None where there is nothing to say."""

    name: str
    color: int  # of the eight in static/css/charts.css
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart with its table."""

    key: str
    title: str
    unit: str  # "", "%" or "s"
    kind: str  # bars or lines
    said: str  # the whole of it in a sentence
    series: list[Series]
    empty: str  # what is said while there is nothing

    @property
    def is_empty(self) -> bool:
        """True where no mark has a value."""
        return not any(value for one in self.series for value in one.values)


@dataclass(slots=True)
class _Mark:
    """The sums of one mark."""

    sent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waits: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts of the page over one stretch of time."""

    span: str
    titles: list[str]  # of the marks, in full
    labels: list[str]  # the same, for an axis
    charts: list[Chart]
    as_of: datetime | None  # when a worker last counted; none: never

    def as_json(self) -> str:
        """What the script draws."""
        charts = {
            one.key: {
                "kind": one.kind, "unit": one.unit,
                "series": [{"name": line.name, "color": line.color, "values": line.values} for line in one.series],
            }
            for one in self.charts
        }
        return json.dumps({"labels": self.labels, "titles": self.titles, "charts": charts}, ensure_ascii=False)


def charts(span: str) -> Charts:
    """The charts of the last day, week or month, up to this moment."""
    chosen = SPANS[span]
    now, place = utcnow(), zone()
    first = _begin(now - chosen.length, chosen.hours, place)
    quarters = [first.astimezone(UTC) + number * QUARTER for number in range(int((now - first) / QUARTER) + 1)]
    begins = {quarter: _begin(quarter, chosen.hours, place) for quarter in quarters}
    marks = {begin: _Mark() for begin in begins.values()}
    last = _fill(marks, begins, now)
    drawn = [_sends(marks.values()), _failures(marks.values()), _waits(marks.values()), _queue(marks.values(), last)]
    as_of = db.session.scalar(select(Installation.figures_at))
    return Charts(span, [_title(one, chosen) for one in marks], [_label(one, chosen) for one in marks], drawn, as_of)


def _begin(moment: datetime, hours: int, place: ZoneInfo) -> datetime:
    """The beginning of the mark that a moment belongs to, by the wall clock in `place`."""
    here = moment.astimezone(place)
    return here.replace(hour=here.hour // hours * hours, minute=0, second=0, microsecond=0)


def _fill(marks: Mapping[datetime, _Mark], begins: Mapping[datetime, datetime], now: datetime) -> dict[str, int]:
    """Add the quarters up. Returns what waits by the latest look."""
    columns = (Figure.quarter, Figure.channel, Figure.sent, Figure.failed, Figure.waiting, Figure.waits)
    latest: dict[str, int] = {}
    rows = db.session.execute(select(*columns).where(Figure.quarter >= min(begins)).order_by(Figure.quarter))
    for quarter, channel, sent, failed, waiting, waits in rows:
        latest[channel] = waiting if now - quarter < 2 * QUARTER else 0
        if quarter not in begins:  # written by a clock that runs ahead
            continue
        mark = marks[begins[quarter]]
        mark.sent[channel] += sent
        mark.failed[channel] += failed
        mark.waiting[channel] = max(mark.waiting[channel], waiting)
        mark.waits = [sum(pair) for pair in zip(mark.waits, waits, strict=False)] if any(waits) else mark.waits
    return latest


def _sends(marks: Iterable[_Mark]) -> Chart:
    marks = list(marks)
    series = [
        Series(channel_label(name), number, [mark.sent[name] for mark in marks]) for number, name in enumerate(CHANNELS, 1)
    ]
    parts = [f"{one.name} {_sum(one):,}" for one in series if _sum(one)]
    said = f"{sum(map(_sum, series)):,} sent: {', '.join(parts)}." if parts else "Nothing was sent."
    return Chart("sends", "Sent", "", "bars", said, series, "Nothing was sent yet. Each message that gets through adds to a bar.")


def _failures(marks: Iterable[_Mark]) -> Chart:
    marks = list(marks)
    series = [
        Series(channel_label(name), CHANNELS.index(name) + 1, [_share(mark.failed[name], mark.sent[name]) for mark in marks])
        for name in OUTSIDE_CHANNELS
    ]
    failed = sum(sum(mark.failed.values()) for mark in marks)
    tried = failed + sum(mark.sent[name] for mark in marks for name in OUTSIDE_CHANNELS)
    said = f"{failed:,} of {tried:,} that were tried failed, {_percent(100 * failed / tried)}." if tried else "Nothing was tried."
    empty = "Nothing failed. The share of messages that did not get through would show here."
    return Chart("failures", "Failed", "%", "lines", said, series, empty)


def _waits(marks: Iterable[_Mark]) -> Chart:
    marks = list(marks)
    whole = [sum(column) for column in zip(*(mark.waits for mark in marks), strict=True)]
    series = [
        Series(f"{share:.0%} within", color, [percentile(mark.waits, share) for mark in marks])
        for share, color in ((0.5, 5), (0.95, 6))
    ]
    half, most = percentile(whole, 0.5), percentile(whole, 0.95)
    said = "No first try yet."
    if half is not None and most is not None:
        said = f"Half of all were with the provider within {seconds_words(half)}, 95% within {seconds_words(most)}."
    empty = "No message went to a provider yet. How long they wait for it would show here."
    return Chart("waits", "From accepted to the provider", "s", "lines", said, series, empty)


def _queue(marks: Iterable[_Mark], now: dict[str, int]) -> Chart:
    marks = list(marks)
    series = [
        Series(channel_label(name), CHANNELS.index(name) + 1, [mark.waiting[name] for mark in marks])
        for name in OUTSIDE_CHANNELS
    ]
    parts = [f"{channel_label(name)} {now[name]:,}" for name in OUTSIDE_CHANNELS if now.get(name)]
    said = f"{sum(now.values()):,} wait now: {', '.join(parts)}." if parts else "Nothing waits now."
    return Chart("queue", "Waiting at most", "", "lines", said, series, "Nothing had to wait.")


def percentile(waits: Sequence[int], share: float) -> float | None:
    """About the seconds within which `share` of them were tried, between two edges as if they came evenly; None without any."""
    total = sum(waits)
    if not total:
        return None
    wanted, seen, low = share * total, 0, 0.0
    for number, edge in zip(waits, EDGES, strict=False):
        if number and seen + number >= wanted:
            return max(0.001, round(low + (edge - low) * (wanted - seen) / number, 3))
        seen, low = seen + number, edge
    return EDGES[-1]


def seconds_words(value: float) -> str:
    """Seconds as a reader says them: "0.4 s", "12 s", "3 min", "5 h"."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5_400 else f"{value / 3_600:.0f} h"


def value_words(value: Value, unit: str) -> str:
    """A value as tables show it."""
    if value is None:
        return "–"  # noqa: RUF001  # nothing, as in the other tables
    return {"%": _percent, "s": seconds_words}.get(unit, lambda number: f"{number:,}")(value)


def _percent(value: float) -> str:
    return f"{value:.1f}%" if value < 10 else f"{value:.0f}%"


def _share(part: int, rest: int) -> float | None:
    return round(100 * part / (part + rest), 2) if part + rest else None


def _sum(series: Series) -> int:
    return int(sum(value or 0 for value in series.values))


def _title(mark: datetime, span: Span) -> str:
    day = f"{mark:%a} {mark.day} {mark:%b}"
    return day if span.hours == 24 else f"{day}, {mark:%H:%M} to {mark + timedelta(hours=span.hours):%H:%M}"


def _label(mark: datetime, span: Span) -> str:
    return f"{mark:%H:%M}" if span.hours == 1 else f"{mark.day} {mark:%b}"


def plain(chart: Chart, titles: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The chart's table, newest first: the mark and each series' value in words; marks with nothing are left out."""
    rows: list[tuple[str, list[Any]]] = [
        (title, [one.values[index] for one in chart.series]) for index, title in enumerate(titles)
    ]
    return [(title, [value_words(value, chart.unit) for value in values]) for title, values in reversed(rows) if any(values)]
