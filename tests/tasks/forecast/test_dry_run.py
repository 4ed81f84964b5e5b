"""A dry run is the send: the same people, the same skips and failures, the same SMS; and a plan holds the send to it."""

import random
from collections import Counter

import pytest
from sqlalchemy import func, select, update

from tasks import broadcasts, jobs, templates
from tasks.audience import segments
from tasks.channels.base import Channel, Receipt
from tasks.database import writing
from tasks.errors import InvalidAudience, UnknownAudience
from tasks.extensions import db
from tasks.forecast import texts
from tasks.forecast.refusals import PlanMoved, UnknownPlan
from tasks.models import Broadcast, Delivery, Device, Notification, OptOut, Recipient, Segment, SegmentMember, SendPlan, Template
from tasks.models.types import utcnow
from tasks.options import SendOptions
from tasks.prospect import forecast
from tasks.rehearsal import rehearse_broadcast
from tasks.rendering.sms import measure
from tasks.retention import kinds
from tests import factories

SLUG, DATA = "payment_success", {"amount": 1000}
NICKS = ["Maya", "माया", "M" * 170, "€" * 90, "Zoë {}", "ç" * 80]


class Meter(Channel):
    """A provider that bills each SMS by its segments."""

    name, channel, batch = "meter", "sms", 16

    def __init__(self, config):
        super().__init__(config)
        self.billed = []

    def send_one(self, message, target):
        self.billed.append(measure(message.text).segments)
        return Receipt("ok")


@pytest.fixture
def meter(any_app):
    return _meter(any_app)


def _meter(app):
    found = app.extensions["carillon.providers"]["sms"] = Meter(app.extensions["carillon.settings"])
    return found


def crowd(seed, count=60):
    """People of every kind; the same ones for the same seed."""
    dice = random.Random(seed)
    people = [
        Recipient(
            external_id=f"p{number}", email=f"p{number}@example.test" if dice.random() < 0.7 else "",
            phone=f"+97798412{number:05}" if dice.random() < 0.7 else "", is_active=dice.random() < 0.9,
            devices=[Device(token=f"t{number}")] if dice.random() < 0.3 else [],
            attributes={"nick": dice.choice(NICKS)} if dice.random() < 0.8 else {},
        )
        for number in range(count)
    ]
    db.session.add_all(people)
    db.session.flush()
    db.session.add_all(
        OptOut(recipient_id=person.id, notification_type=SLUG, channel=dice.choice(["*", "sms", "email"]))
        for person in people if dice.random() < 0.3
    )
    db.session.commit()


def send(audience, options):
    pk = broadcasts.create(audience, SLUG, DATA, options)
    jobs.expand_broadcast.call_local(pk)
    for channel in ("sms", "email", "push"):
        while jobs._round(channel):
            pass
    return pk


def rows_of(pk):
    """{channel: {word: rows}} as a forecast counts them: what was sent, else the reason."""
    found = {}
    columns = (Delivery.channel, Delivery.state, Delivery.reason, func.count())
    for channel, _state, reason, count in db.session.execute(
        select(*columns).where(Delivery.broadcast_id == pk).group_by(*columns[:3])
    ):
        found.setdefault(channel, Counter())[reason or ("sent" if channel == "in_app" else "queued")] += count
    return {channel: dict(words) for channel, words in found.items()}


def foretold(found):
    """A forecast in the same words."""
    words = {channel: dict(one) for channel, one in found.reach.items()}
    for skip in found.skips:
        if skip.state == "failed":
            words[skip.channel]["render_failed"] = skip.count
    return words


PARTS = [
    {"title": "One for all", "message": "Paid: {{ amount }} €", "sms_text": "{{ amount }} नमस्ते " * 9},
    {"title": "One for all", "message": "m", "sms_text": "{{ recipient.attributes.nick }} pays {{ amount }}"},
    {"title": "Hello {{ recipient.attributes.nick }}", "message": "{{ recipient.attributes.nick }}!" * 3},
]


@pytest.mark.parametrize(("number", "audience"), [
    (0, "all"), (1, {"include": "all", "exclude": ["staff", "gone"]}), (2, "subscribed"),
])
def test_what_was_foretold_is_what_happens(meter, number, audience):
    factories.template(**PARTS[number])
    factories.rule(channels=["sms", "email", "push"])
    crowd(number)
    staff = Segment(slug="staff", name="Staff")
    rules = [{"field": "id", "operator": "=", "value": "p1"}]
    db.session.add_all([staff, Segment(slug="gone", name="Gone", definition={"combinator": "and", "rules": rules})])
    db.session.flush()
    some = db.session.scalars(select(Recipient.id).order_by(Recipient.id)).all()[::7]
    db.session.add_all(SegmentMember(segment_id=staff.id, recipient_id=pk) for pk in some)
    db.session.commit()

    found = forecast(audience, SLUG, DATA, SendOptions())
    pk = send(audience, SendOptions(plan_hash=found.plan_hash))

    ledger = list(db.session.scalars(
        select(Notification.recipient_id).where(Notification.broadcast_id == pk).order_by(Notification.recipient_id)
    ))
    assert [one for ids in found.people.ids(range(len(found.people.lists))) for one in ids] == ledger
    assert foretold(found) == rows_of(pk)
    assert found.texts.segments == sum(meter.billed) > 0
    assert found.texts.sms.total() == len(meter.billed) == found.rung("sms")
    assert db.session.get(Broadcast, pk).audience_count == found.people.count


def test_the_same_findings_have_the_same_hash_and_others_another(app):
    factories.template()
    factories.people(5)
    first = forecast("all", SLUG, DATA, SendOptions()).plan_hash

    assert forecast("all", SLUG, DATA, SendOptions(actor="somebody")).plan_hash == first
    assert db.session.query(SendPlan).count() == 1
    others = [
        forecast("all", SLUG, {"amount": 2}, SendOptions()), forecast("subscribed", SLUG, DATA, SendOptions()),
        forecast("all", SLUG, DATA, SendOptions(channels=("sms",))), forecast("all", SLUG, DATA, SendOptions(rate_per_minute=9)),
        forecast("all", SLUG, DATA, SendOptions(window="09:00-10:00", timezone="Asia/Kathmandu")),
        forecast("all", SLUG, DATA, SendOptions(expires_in=9_000)),
    ]
    assert len({first, *(one.plan_hash for one in others)}) == 7


def test_people_who_come_and_go_refuse_the_send_and_are_named(any_app):
    factories.template()
    factories.people(5)
    plan = forecast("all", SLUG, DATA, SendOptions()).plan_hash
    factories.people(2, start=50)
    db.session.execute(update(Recipient).where(Recipient.external_id == "3").values(is_active=False))
    db.session.commit()

    with pytest.raises(PlanMoved) as caught:
        broadcasts.create("all", SLUG, DATA, SendOptions(plan_hash=plan))

    assert caught.value.status == 409
    assert caught.value.extra["content"] == []
    assert caught.value.extra["audience"] == {
        "entered": 2, "left": 1, "entered_examples": ["50", "51"], "left_examples": ["3"], "count_before": 5, "count_now": 6,
    }
    assert "2 people came into the audience, 1 person left it." in str(caught.value)
    assert db.session.query(Broadcast).count() == 0


def test_content_that_moved_refuses_the_send_and_is_named(app):
    made = factories.template()
    factories.people(2)
    plan = forecast("all", SLUG, DATA, SendOptions()).plan_hash
    templates.save_version(made, title="Another", message="text", actor="test")
    factories.rule(channels=["email"])

    with pytest.raises(PlanMoved) as caught:
        broadcasts.create("all", SLUG, {"amount": 5}, SendOptions(plan_hash=plan))

    assert caught.value.extra["content"] == [
        {"what": "Text of the template", "before": "version 1", "now": "version 2"},
        {"what": "Variables", "before": '{"amount": 1000}', "now": '{"amount": 5}'},
        {"what": "Channels", "before": "In-app", "now": "In-app, E-mail"},
    ]
    assert caught.value.extra["audience"]["entered"] == 0


def test_who_comes_after_the_send_is_not_of_it_and_who_leaves_is_skipped_with_the_reason(any_app):
    factories.template()
    factories.people(3)
    plan = forecast("all", SLUG, DATA, SendOptions()).plan_hash
    pk = broadcasts.create("all", SLUG, DATA, SendOptions(plan_hash=plan))
    factories.people(1, start=50)
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "1").values(is_active=False))

    jobs.expand_broadcast.call_local(pk)

    assert rows_of(pk) == {"in_app": {"sent": 2, "recipient_inactive": 1}}


def test_a_repeat_gets_the_first_answer_whatever_has_moved_since(app):
    factories.template()
    factories.people(3)
    plan = forecast("all", SLUG, DATA, SendOptions()).plan_hash
    options = SendOptions(plan_hash=plan, idempotency_key="once")
    first = broadcasts.create("all", SLUG, DATA, options)
    factories.people(1, start=50)

    assert broadcasts.create("all", SLUG, DATA, options) == first


def test_a_plan_that_nobody_made_is_refused(app):
    factories.template()
    with pytest.raises(UnknownPlan):
        broadcasts.create("all", SLUG, DATA, SendOptions(plan_hash="0" * 32))


def test_plans_are_forgotten_but_for_those_that_a_broadcast_waits_for(any_app):
    factories.template()
    factories.people(3)
    forecast("all", SLUG, DATA, SendOptions())
    held = forecast("subscribed", SLUG, DATA, SendOptions()).plan_hash
    broadcasts.create("subscribed", SLUG, DATA, SendOptions(plan_hash=held))
    with writing() as connection:
        connection.execute(update(SendPlan).values(created_at=utcnow().replace(year=2020)))

    assert next(kind for kind in kinds(90) if kind.model is SendPlan).remove() == 1
    assert [row.hash for row in db.session.scalars(select(SendPlan))] == [held]


def test_a_sample_says_so_and_reckons_for_all(app, monkeypatch):
    monkeypatch.setattr(texts, "MOST", 500)
    factories.template(title="Hi {{ recipient.name }}", message="m", sms_text="Hi {{ recipient.name }}")
    factories.rule(channels=["sms"])
    factories.people(1_000, phone="+9779841234567")

    found = rehearse_broadcast("all", SLUG, {}, SendOptions())

    assert found["texts"] == {"looked_at": 500, "is_sample": True, "failing": []}
    assert (found["sms"]["messages"], found["sms"]["segments"]) == (1_000, 1_000)


@pytest.mark.parametrize(("audience", "error"), [
    ({"include": "all"}, InvalidAudience), ({"include": "all", "exclude": []}, InvalidAudience),
    ({"include": "all", "exclude": ["all"]}, InvalidAudience), ({"include": "all", "exclude": ["nothing"]}, UnknownAudience),
    ({"include": "all", "exclude": "staff"}, InvalidAudience), ({"include": "all", "exclude": [1]}, InvalidAudience),
    ({"include": "all", "exclude": ["staff"], "more": 1}, InvalidAudience),
    ({"include": {"include": "all", "exclude": ["staff"]}, "exclude": ["staff"]}, InvalidAudience),
])
def test_what_cannot_be_left_out_names_its_field(app, audience, error):
    db.session.add(Segment(slug="staff", name="Staff"))
    db.session.commit()
    with pytest.raises(error) as caught:
        segments.resolve_audience(audience, SLUG)
    assert caught.value.field in {"exclude", "audience"}


def test_a_template_that_is_gone_is_the_send_s_own_error(app):
    factories.template()
    plan = forecast("all", SLUG, DATA, SendOptions()).plan_hash
    db.session.query(Template).one().is_active = False
    db.session.commit()
    with pytest.raises(Exception, match="switched off"):
        broadcasts.create("all", SLUG, DATA, SendOptions(plan_hash=plan))
