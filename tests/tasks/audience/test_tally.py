"""Counting in time: exactly, or a fair part of everybody, and never without an end."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import select

from tasks.audience import tally as tallies
from tasks.audience.fields import known
from tasks.audience.grammar import compile_definition
from tasks.audience.look import change, look, overlap
from tasks.audience.tally import tally
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.models import Broadcast, Notification, Recipient, Segment, SegmentMember
from tasks.models.types import utcnow
from tasks.timed import TookTooLong, hurried
from tests import factories

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
COUNTRIES = ("NP", "IN", "DE", "")
PLANS = ("gold", "silver", None, 3, True)


def crowd(count=400):
    """Random people, the same in every run; returns them as dicts."""
    dice = random.Random(11)
    rows = [
        {
            "external_id": f"u{number}", "name": f"Person {number}", "country": dice.choice(COUNTRIES),
            "attributes": {"plan": dice.choice(PLANS), "n": dice.randrange(30)}, "is_active": dice.random() < 0.9,
        }
        for number in range(count)
    ]
    with writing() as connection:
        connection.execute(Recipient.__table__.insert(), rows)
    return rows


class Clock:
    """A deadline that is over when its ticks say so."""

    def __init__(self, ticks):
        self.ticks = ticks

    @property
    def is_over(self):
        return next(self.ticks)


def rule(field, operator, value):
    return {"field": field, "operator": operator, "value": value}


def group(combinator, *rules, **more):
    return {"combinator": combinator, "rules": list(rules), **more}


def random_definition(dice, depth=0):
    if depth < 2 and dice.random() < 0.5:
        rules = [random_definition(dice, depth + 1) for _ in range(dice.randrange(1, 4))]
        return group(dice.choice(("and", "or")), *rules, **{"not": dice.random() < 0.3})
    one = dice.choice((
        rule("country", dice.choice(("=", "!=")), dice.choice(COUNTRIES[:3])), rule("attributes.n", "<", dice.randrange(30)),
        rule("attributes.plan", dice.choice(("in", "notIn")), ["gold", 3]), rule("attributes.plan", "=", True),
        rule("attributes.plan", "null", None),
    ))
    return one if depth else group("and", one)


def holds(definition, row):
    """The same, the plain way."""
    if "rules" in definition:
        found = [holds(one, row) for one in definition["rules"]]
        return (all(found) if definition["combinator"] == "and" else any(found)) != bool(definition.get("not"))
    field, operator, value = definition["field"], definition["operator"], definition["value"]
    have = row["country"] if field == "country" else row["attributes"][field.removeprefix("attributes.")]
    if operator == "null":
        return have is None
    values = value if isinstance(value, list) else [value]
    if operator == "<":
        return have < value
    same = any(type(have) is type(one) and have == one for one in values)
    return same != (operator in ("!=", "notIn"))


def where(definition):
    return compile_definition(definition, db.engine.dialect.name)


def test_random_changes_of_random_segments_add_up_as_sets_do(any_app):
    people, dice = [row for row in crowd() if row["is_active"]], random.Random(5)
    segment = Segment(slug="s", name="S")
    db.session.add(segment)
    for _ in range(12):
        before, after = random_definition(dice), random_definition(dice)
        segment.definition = before
        db.session.commit()
        was = {row["external_id"] for row in people if holds(before, row)}
        will = {row["external_id"] for row in people if holds(after, row)}

        found = look(after)
        assert (found.tally.counts, found.tally.is_exact) == ((len(will),), True)
        assert {person.external_id for person in found.people} <= will
        assert len(found.people) == min(12, len(will))
        moved = change(segment, after)
        assert moved.tally.counts == (len(will - was), len(was - will))
        assert {person.external_id for person in moved.entering} <= will - was
        assert {person.external_id for person in moved.leaving} <= was - will
        assert len(moved.leaving) == min(5, len(was - will))


def test_a_rule_in_place_of_a_list_is_compared_with_the_list(any_app):
    crowd(40)
    numbers = list(db.session.scalars(select(Recipient.id).where(Recipient.is_active).order_by(Recipient.id)))
    segment = Segment(slug="s", name="S")
    db.session.add(segment)
    db.session.flush()
    db.session.add_all(SegmentMember(segment_id=segment.id, recipient_id=number) for number in numbers[:7])
    db.session.commit()

    moved = change(segment, group("and", rule("country", "=", "XX")))

    assert moved.tally.counts == (0, 7)


def test_people_of_recent_broadcasts_are_counted_for_each_and_for_any(any_app):
    people = [row for row in crowd(60) if row["is_active"]]
    template = factories.template()
    by_id = dict(db.session.execute(select(Recipient.external_id, Recipient.id)).all())
    got = []
    for days, step in ((1, 2), (3, 3), (50, 1)):
        row = Broadcast(
            template_version_id=template.current_version_id, audience="all", state="completed",
            started_at=utcnow() - timedelta(days=days),
        )
        db.session.add(row)
        db.session.flush()
        reached = [one["external_id"] for one in people[::step]]
        db.session.add_all(
            Notification(recipient_id=by_id[one], template_version_id=template.current_version_id, broadcast_id=row.pk)
            for one in reached
        )
        got.append(set(reached))
    db.session.commit()
    definition = group("and", rule("country", "!=", "NP"))
    who = {row["external_id"] for row in people if holds(definition, row)}

    found = overlap(None, definition, days=30)

    assert [row.pk for row in found.broadcasts] == sorted((row.pk for row in found.broadcasts), reverse=True)
    assert found.tally.counts == (len(who), len(who & got[1]), len(who & got[0]), len(who & (got[0] | got[1])))


def test_what_takes_too_long_is_stopped(any_app):
    with pytest.raises(TookTooLong), hurried(0.05) as connection:
        connection.exec_driver_sql(ENDLESS)
    with reading() as connection:  # the connection went back to the pool as it was
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_without_time_to_count_everybody_a_part_is_counted_and_said_to_be_one(any_app, monkeypatch):
    people = [row for row in crowd() if row["is_active"]]
    definition = group("and", rule("country", "=", "NP"))
    real = tallies.hurried

    def never(seconds):
        if seconds == 0:
            raise TookTooLong("at once")
        return real(seconds)

    monkeypatch.setattr(tallies, "hurried", never)
    truth = sum(holds(definition, row) for row in people)

    whole = tally(where(definition), exact=0, partly=60)
    assert (whole.counts, whole.share) == ((truth,), 1.0)
    ticks = iter([False] * 64 + [True])
    monkeypatch.setattr(tallies, "Deadline", lambda seconds: Clock(ticks))
    part = tally(where(definition), exact=0, partly=60)
    assert part.share == 0.25
    assert 0 < part.counts[0] < truth
    assert part.about() == pytest.approx(truth, rel=0.5)
    monkeypatch.setattr(tallies, "hurried", lambda seconds: never(0))
    nothing = tally(where(definition))
    assert (nothing.counts, nothing.share, nothing.about()) == ((0,), 0.0, 0)


def test_the_slices_are_each_taken_once():
    assert sorted(tallies._spread(number) for number in range(tallies.SLICES)) == list(range(tallies.SLICES))


def test_dates_in_attributes_are_days_and_nothing_else_is(any_app):
    values = ["2026-02-27", "2026-02-28T23:59:00Z", "2026-03-01", "2026-3-1", "soon", 20260301, None, "2026-03-09 x"]
    for number, value in enumerate(values):
        factories.person(str(number), attributes={"last": value})
    now = utcnow().replace(year=2026, month=3, day=1)

    def found(operator, value):
        definition = group("and", {**rule("attributes.last", operator, value), "type": "date"})
        condition = compile_definition(definition, db.engine.dialect.name, now=now)
        return sorted(db.session.scalars(select(Recipient.external_id).where(condition)))

    assert found("=", "2026-02-28") == ["1"]
    assert found("<", "2026-03-01") == ["0", "1"]
    assert found(">=", "-1d") == ["1", "2", "7"]
    assert found("between", ["-2d", "+0d"]) == ["0", "1", "2"]
    assert found("between", ["+0d", "+2w"]) == ["2", "7"]
    assert found("!=", "2026-03-01") == ["0", "1", "3", "4", "5", "6", "7"]


def test_attributes_are_found_with_their_kinds_and_only_values_that_repeat(any_app):
    for number in range(8):
        factories.person(
            str(number), country="NP" if number else "",
            attributes={
                "plan": ("gold", "free")[number % 2], "orders": number, "secret": f"only {number}", "vip": number < 3,
                "since": f"2026-01-0{number + 1}", "odd": number if number % 2 else "text", "a.b": 1, "list": [1],
                "home": {"city": "Pokhara", "0": "position"},
            },
        )
    factories.rule("payment_success")

    found = known()

    kinds = {one.name: one.kind for one in found.attributes}
    assert kinds == {
        "home.city": "text", "odd": "mixed", "orders": "number", "plan": "text", "secret": "text", "since": "date",
        "vip": "boolean",
    }
    values = {one.name: set(one.values) for one in found.attributes}
    assert values["plan"] == {"gold", "free"}
    assert values["secret"] == set()
    assert found.values["country"] == ("NP",)
    assert found.types == ("payment_success",)


def test_nobody_has_no_attributes(any_app):
    assert known().attributes == ()


def test_devices_are_found_by_index_on_sqlite(app):
    """Without it every person is compared with every device: hours at a million."""
    asked = select(Recipient.id).where(where(group("and", rule("has_device", "=", True))))
    literal = asked.compile(db.engine, compile_kwargs={"literal_binds": True})
    with reading() as connection:
        plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {literal}"))
    assert "ix_devices_active" in plan
