"""When a broadcast runs: its start, the guard for late ones, its window, its expiry."""

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from tasks import broadcasts, control, jobs, timetable
from tasks.claim import claim
from tasks.errors import InvalidOption
from tasks.expand import expand
from tasks.extensions import db
from tasks.ledger import lease
from tasks.models import AuditEntry, Broadcast
from tasks.models.types import utcnow
from tasks.options import SendOptions
from tasks.schedule import Window, zone
from tests import factories

HOUR = timedelta(hours=1)


@pytest.fixture
def _people(any_app):
    factories.template()
    factories.rule()
    factories.people(3)


@pytest.fixture
def _missed(_people):
    create(send_at=utcnow() + HOUR, expires_in=600)
    later(hours=3)
    jobs.tick()


def create(**options):
    return broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions(**options))


def only():
    return db.session.scalars(select(Broadcast), execution_options={"populate_existing": True}).one()


def later(**time_passed):
    """Let time pass for the broadcast and its rows."""
    passed = timedelta(**time_passed)
    row = only()
    names = ("created_at", "send_at", "expires_at", "opens_at", "closes_at")
    values = {name: getattr(row, name) - passed for name in names if getattr(row, name) is not None}
    with db.engine.begin() as connection:
        connection.execute(Broadcast.__table__.update().values(values))


def around(start, end):
    """A window from `start` to `end` hours from now, in UTC."""
    return "-".join(f"{utcnow() + hours * HOUR:%H:%M}" for hours in (start, end))


@pytest.mark.usefixtures("_people")
def test_a_wall_clock_s_time_is_kept_as_asked_and_as_an_instant():
    day = utcnow().date() + timedelta(days=40)
    create(send_at=datetime.combine(day, time(9)), timezone="Asia/Kathmandu")
    row = only()
    assert (row.state, row.send_at_local, row.timezone) == ("scheduled", f"{day} 09:00", "Asia/Kathmandu")
    assert row.send_at == datetime.combine(day, time(3, 15), UTC)
    assert row.expires_at == row.send_at + 24 * HOUR
    assert timetable.outlook(row, utcnow()) == (f"09:00 on {day} Asia/Kathmandu", row.send_at)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"send_at": datetime(2026, 1, 31, 9)}, "send_at"),  # noqa: DTZ001 - no zone is the point
        ({"send_at": datetime(2026, 1, 31, 9), "timezone": "Berlin"}, "timezone"),  # noqa: DTZ001
        ({"send_at": datetime(1, 1, 1), "timezone": "Asia/Tokyo"}, "send_at"),  # noqa: DTZ001
        ({"send_at": datetime(9999, 12, 31, 23), "timezone": "America/New_York"}, "send_at"),  # noqa: DTZ001
        ({"send_at": datetime(2020, 1, 31, 9, tzinfo=UTC)}, "send_at"),
        ({"send_at": datetime(2099, 1, 31, 9, tzinfo=UTC)}, "send_at"),
        ({"window": "9"}, "window"),
        ({"window": "09:00-25:00"}, "window"),
        ({"window": "09:00-09:00"}, "window"),
        ({"window": "09:00-20:00", "timezone": "Nowhere"}, "timezone"),
        ({"rate_per_minute": 0}, "rate_per_minute"),
        ({"rate_per_minute": 10**7}, "rate_per_minute"),
    ],
)
@pytest.mark.usefixtures("app")
def test_what_makes_no_sense_is_named(options, field):
    factories.template()
    with pytest.raises(InvalidOption) as raised:
        create(**options)
    assert raised.value.field == field
    assert raised.value.remedy
    assert db.session.scalar(select(Broadcast)) is None


@pytest.mark.usefixtures("_people")
def test_a_time_that_has_just_passed_is_now():
    create(send_at=utcnow() - timedelta(minutes=59))
    assert only().state == "queued"


@pytest.mark.usefixtures("_people")
def test_a_repeat_long_after_its_time_gets_the_first_answer():
    options = {"send_at": utcnow() + HOUR, "idempotency_key": "k", "body_hash": "same"}
    assert create(**options) == create(**options)
    with pytest.raises(InvalidOption, match="passed"):
        create(send_at=utcnow() - 2 * HOUR)


@pytest.mark.usefixtures("_people")
def test_one_found_a_little_late_goes_out():
    create(send_at=utcnow() + HOUR)
    later(hours=1, minutes=59)
    jobs.tick()
    assert only().state == "queued"


@pytest.mark.usefixtures("_missed")
def test_one_found_an_hour_late_waits_for_a_human():
    row = only()
    assert row.state == "missed"
    assert timetable.outlook(row, utcnow())[0].startswith("a decision")
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.actor, entry.action, entry.object_id) == ("timetable", "missed", str(row.pk))
    for _ in range(2):
        jobs.tick()
    assert broadcasts.due() == []
    assert len(db.session.scalars(select(AuditEntry)).all()) == 1


@pytest.mark.usefixtures("_missed")
def test_a_missed_one_sent_now_expires_counted_from_now():
    control.resume(only().pk, "asha")
    row = only()
    assert row.state == "queued"
    assert timedelta(seconds=590) < row.expires_at - utcnow() <= timedelta(seconds=600)
    assert broadcasts.due() == [row.pk]


@pytest.mark.usefixtures("_missed")
def test_a_missed_one_can_be_cancelled():
    assert control.cancel(only().pk, "asha").state == "cancelled"
    jobs.tick()
    assert only().finished_at is not None


@pytest.mark.usefixtures("_people")
def test_a_scheduled_one_paused_over_its_time_starts_when_it_is_resumed():
    pk = create(send_at=utcnow() + HOUR, expires_in=600)
    control.pause(pk, "asha")
    later(hours=5)
    jobs.tick()
    assert only().state == "paused"
    control.resume(pk, "asha")
    row = only()
    assert (row.state, row.state_before_pause) == ("queued", None)
    assert row.expires_at > utcnow()


@pytest.mark.usefixtures("_people")
def test_a_scheduled_one_paused_and_resumed_before_its_time_is_scheduled_again():
    pk = create(send_at=utcnow() + HOUR)
    before = only().expires_at
    control.pause(pk, "asha")
    control.resume(pk, "asha")
    row = only()
    assert (row.state, row.expires_at) == ("scheduled", before)


@pytest.mark.usefixtures("_people")
def test_outside_its_window_nothing_is_written_and_it_says_for_what_it_waits():
    pk = create(window=around(2, 4))
    row = only()
    assert broadcasts.due() == []
    expand(pk, lambda: False, lambda channels: None)
    assert factories.deliveries() == []
    words, at = timetable.outlook(row, utcnow())
    assert at == row.opens_at
    assert words.startswith(f"{row.opens_at:%H:%M}")
    later(hours=2, minutes=30)
    assert timetable.outlook(only(), utcnow()) == ("", None)
    assert broadcasts.due() == [pk]


@pytest.mark.usefixtures("_people")
def test_when_its_window_closes_its_lane_is_not_served_and_what_is_leased_goes_back():
    pk = create(window=around(-1, 1))
    expand(pk, lambda: False, lambda channels: None)
    assert list(lease.lanes("email")) == [None, pk]
    token, work = claim("email", pk, 2, 1)
    later(hours=2)
    assert list(lease.lanes("email")) == [None]
    assert lease.hand_over([entry.delivery_id for entry in work], token, 1) == set()
    assert {(entry.state, entry.attempt_count) for entry in factories.deliveries("email")} == {("queued", 0)}
    assert jobs._round("email") == 0


@pytest.mark.usefixtures("_people")
def test_a_window_that_has_closed_gets_its_next_opening():
    pk = create(window=around(22, 23), expires_in=3 * 86_400)
    later(hours=22, minutes=30)
    expand(pk, lambda: False, lambda channels: None)
    later(hours=1)
    assert jobs._round("email") == 0
    jobs.tick()
    row = only()
    assert utcnow() + 21 * HOUR < row.opens_at < utcnow() + 22 * HOUR
    assert row.closes_at == row.opens_at + HOUR
    later(hours=22, minutes=30)
    assert jobs._round("email") == 3
    jobs.tick()
    assert only().state == "completed"


@pytest.mark.usefixtures("_people")
def test_a_scheduled_one_starts_when_its_window_opens_and_is_late_only_counted_from_then():
    asked = (utcnow() + 24 * HOUR).replace(hour=3, minute=0, second=0, microsecond=0)
    create(send_at=asked, window="09:00-20:00")
    row = only()
    assert row.opens_at == asked.replace(hour=9)
    assert timetable.outlook(row, utcnow())[1] == row.opens_at
    later(seconds=(row.opens_at - utcnow()).total_seconds() - 60)  # hours after its time, a minute before the window
    jobs.tick()
    assert only().state == "scheduled"
    later(minutes=2)
    jobs.tick()
    assert only().state == "queued"


@pytest.mark.usefixtures("_people")
def test_what_would_expire_before_its_window_opens_is_refused():
    with pytest.raises(InvalidOption, match="before the window opens") as raised:
        create(window=around(3, 5), expires_in=7_200)
    assert raised.value.field == "expires_in"
    create(window=around(3, 5), expires_in=4 * 3_600)


@pytest.mark.usefixtures("_people")
def test_what_expired_while_it_was_paused_is_closed_as_expired_when_it_goes_on():
    pk = create(expires_in=600)
    expand(pk, lambda: False, lambda channels: None)
    control.pause(pk, "asha")
    with db.engine.begin() as connection:
        table = factories.Delivery.__table__
        connection.execute(table.update().where(table.c.channel == "email").values(expires_at=utcnow() - HOUR))
    assert jobs._round("email") == 0
    control.resume(pk, "asha")
    jobs._round("email")
    assert {(row.state, row.attempt_count) for row in factories.deliveries("email")} == {("expired", 0)}
    jobs.tick()
    assert only().state == "completed"


@pytest.mark.usefixtures("any_app")
def test_a_rule_s_expiry_bounds_its_broadcasts_and_the_call_s_wins():
    factories.template()
    factories.rule(expires_after=900)
    for lasts, options in ((900, {}), (60, {"expires_in": 60})):
        pk = create(**options)
        row = db.session.get(Broadcast, pk)
        assert row.expires_at - row.created_at == timedelta(seconds=lasts)


@pytest.mark.usefixtures("app")
def test_a_clock_in_words_has_its_date_unless_that_is_today_s():
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    row = Broadcast(state="sending", timezone="Europe/Berlin")
    row.opens_at, row.closes_at = Window.parse("09:00", "20:00", "Europe/Berlin").next(now - 6 * HOUR)
    assert timetable.outlook(row, now - 6 * HOUR)[0] == "09:00 Europe/Berlin"
    assert timetable.moment_words(now, "Asia/Kathmandu") == "17:45 on 2026-03-01 Asia/Kathmandu"
    assert timetable.moment_words(now.astimezone(zone("Asia/Tokyo")), "", now) == "12:00 UTC"


def test_of_eight_clocks_that_look_at_once_one_calls_it_missed(any_app):
    factories.template()
    create(send_at=utcnow() + HOUR)
    later(hours=3)

    def look():
        with any_app.app_context():
            timetable.turn()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert only().state == "missed"
    assert len(db.session.scalars(select(AuditEntry)).all()) == 1
