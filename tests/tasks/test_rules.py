"""One channel of one type at a time: what follows from it, and who is first of two."""

import pytest
from flask import Flask
from sqlalchemy import update

from tasks import rules
from tasks.errors import InvalidTemplate, UnknownChannel, WrongState
from tasks.extensions import db
from tasks.models import Rule
from tests import factories


def test_the_matrix_has_every_type_that_rules_or_templates_know(any_app: Flask) -> None:
    factories.template("b", "beta"), factories.template("c", "beta"), factories.template("a", "alpha")
    factories.rule("gamma")

    found = rules.matrix()

    assert [(row.notification_type, row.rule is not None, row.templates) for row in found] == [
        ("alpha", False, 1), ("beta", False, 2), ("gamma", True, 0),
    ]
    assert [row.notification_type for row in rules.matrix(after="alpha", limit=1)] == ["beta"]
    assert [row.notification_type for row in rules.matrix(search="AM")] == ["gamma"]
    assert rules.matrix(search="%") == []


def test_the_first_switch_of_a_type_makes_its_rule(any_app: Flask) -> None:
    made = rules.set_channel("otp", "sms", True, 0)
    db.session.commit()

    assert (made.channels, made.version, made.priority) == (["sms"], 1, 5)
    assert rules.set_channel("otp", "push", True, 1).channels == ["push", "sms"]
    assert made.version == 2
    assert rules.set_channel("otp", "push", True, 2).version == 2  # as it is already


def test_a_channel_that_rings_no_more_waits_for_nobody(any_app: Flask) -> None:
    factories.rule("otp", ["push", "sms"], offline_only=["push"], escalate={"sms": 600})

    rules.set_channel("otp", "sms", False, 1)
    rule = rules.set_channel("otp", "push", False, 2)

    assert (rule.channels, rule.offline_only, rule.escalate) == ([], [], {})


def test_the_second_of_two_changes_nothing(any_app: Flask) -> None:
    factories.rule("otp", ["sms"])
    rules.set_channel("otp", "push", True, 1)
    db.session.commit()

    for version in (0, 1, 3):
        with pytest.raises(WrongState):
            rules.set_channel("otp", "email", True, version)
    assert db.session.query(Rule).one().channels == ["push", "sms"]


def test_somebody_who_writes_between_reading_and_writing_wins(any_app: Flask) -> None:
    rule = factories.rule("otp", ["sms"])
    assert rule.version == 1
    with db.engine.begin() as connection:
        connection.execute(update(Rule.__table__).values(version=2, priority=0))

    with pytest.raises(WrongState):
        rules.set_channel("otp", "email", True, 1)

    assert (db.session.query(Rule).one().channels, db.session.query(Rule).one().priority) == (["sms"], 0)


def test_what_cannot_be_is_refused(app: Flask) -> None:
    with pytest.raises(UnknownChannel):
        rules.set_channel("otp", "in_app", True, 0)
    with pytest.raises(InvalidTemplate):
        rules.set_channel("Not A Type", "sms", True, 0)
