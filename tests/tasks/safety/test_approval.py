"""A second person's approval: never one's own, bound to the plan, void as soon as anything moved, given once."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tasks import broadcasts, control, jobs, templates
from tasks.ask_again import ask_again
from tasks.database import writing
from tasks.errors import IdempotencyRunning, InactiveTemplate, InvalidOption, NotAllowed, WrongCount, WrongState
from tasks.expand import expand
from tasks.extensions import db
from tasks.forecast.refusals import PlanMoved
from tasks.models import AuditEntry, Broadcast, BroadcastApproval, Operator, Recipient, Rule, Template
from tasks.models.types import db_clock, utcnow
from tasks.options import SendOptions
from tasks.prospect import forecast
from tasks.rights import Rights
from tasks.safety import approval
from tests import factories


@pytest.fixture
def settings():
    return {"approve_above": 3, "undo_seconds": 0}


@pytest.fixture
def people(any_app):
    """Six people, and four operators: asha sends, bina may approve, chitra may only edit, deepa left."""
    factories.template("offer", title="Hello")
    factories.rule("offer")
    factories.people(6)
    rows = [("asha", "sender", True), ("bina", "admin", True), ("chitra", "editor", True), ("deepa", "sender", False)]
    made = [Operator(email=f"{name}@example.org", role=role, password_hash="x", is_active=on) for name, role, on in rows]
    db.session.add_all(made)
    db.session.commit()
    return {row.email.partition("@")[0]: row.id for row in made}


def send(audience="all", actor="asha@example.org", **options):
    kept = {"owners": ("asha@example.org",), **options}
    return broadcasts.create(audience, "offer", {"amount": 1}, SendOptions(actor=actor, **kept))


def row(pk):
    return db.session.get(Broadcast, pk, populate_existing=True)


def asked(pk):
    found = select(BroadcastApproval).where(BroadcastApproval.broadcast_id == pk).order_by(BroadcastApproval.number.desc())
    return db.session.scalars(found.limit(1).execution_options(populate_existing=True)).one()


def begin(pk):
    expand(pk, lambda: False, lambda channels: None)


def test_it_waits_and_goes_once_another_person_approves(people):
    pk = send()
    begin(pk)
    jobs.tick()
    assert (row(pk).state, factories.notifications()) == ("awaiting_approval", [])
    assert (asked(pk).audience_count, asked(pk).barred) == (6, ["asha@example.org"])

    approval.approve(pk, people["bina"], row(pk).plan_hash, "Looks right.")
    assert row(pk).state == "queued"
    begin(pk)

    assert (row(pk).state, len(factories.notifications())) == ("sending", 6)
    assert (asked(pk).answer, asked(pk).answered_by, asked(pk).word) == ("approved", "bina@example.org", "Looks right.")
    entry = db.session.query(AuditEntry).filter_by(action="approve").one()
    assert (entry.actor, entry.changes) == ("bina@example.org", {"reason": ["", "Looks right."]})


def test_not_ones_own_nor_without_the_role_nor_when_switched_off(people):
    pk = send()
    for who in ("asha", "chitra", "deepa"):
        with pytest.raises(NotAllowed):
            approval.approve(pk, people[who], row(pk).plan_hash, "Please.")
        with pytest.raises(NotAllowed):
            approval.reject(pk, people[who], "Please.")
    assert row(pk).state == "awaiting_approval"


def test_the_owner_of_the_key_that_sent_it_may_not_approve_either(people):
    pk = send(actor="key shop", owners=("Bina@example.org",))
    with pytest.raises(NotAllowed, match="had a hand in it"):
        approval.approve(pk, people["bina"], row(pk).plan_hash)
    approval.approve(pk, people["asha"], row(pk).plan_hash)
    assert row(pk).state == "queued"


def test_few_people_and_test_keys_need_nobody(people):
    few = {"ids": ["0", "1", "2"]}
    assert row(send(few)).state == "queued"
    assert row(send(rights=Rights("t", is_test=True))).state == "queued"
    assert row(send({"source": "http"})).state == "awaiting_approval"  # nobody can know how many they are


def _one_more():
    factories.person("new")


def _one_less():
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "3").values(is_active=False))


def _another_text():
    found = db.session.scalars(select(Template)).one()
    templates.save_version(found, title="Other", message="Thank you.", actor="chitra")
    db.session.commit()


def _another_rule():
    db.session.scalars(select(Rule)).one().channels = ["sms"]
    db.session.commit()


MOVES = {
    "entered": (_one_more, ["People", "6", "7: 1 (new) came in, 0 left"]),
    "left": (_one_less, ["People", "6", "5: 0 came in, 1 (3) left"]),
    "content": (_another_text, ["Text of the template", "version 1", "version 2"]),
    "channels": (_another_rule, ["Channels", "In-app, E-mail", "In-app, SMS"]),
}


@pytest.mark.parametrize("what", MOVES)
def test_whatever_moved_before_the_answer_makes_the_question_void(people, what):
    move, line = MOVES[what]
    pk = send()
    seen = row(pk).plan_hash
    move()
    with pytest.raises(PlanMoved):
        approval.approve(pk, people["bina"], seen)
    assert (row(pk).state, asked(pk).answer, asked(pk).difference) == ("awaiting_approval", "void", [line])
    with pytest.raises(WrongState):
        approval.approve(pk, people["bina"], seen)
    begin(pk)
    assert factories.notifications() == []


@pytest.mark.parametrize("what", ["entered", "content"])
def test_whatever_moved_after_the_approval_stops_it_at_its_start_and_asking_again_mends_it(people, what):
    move, line = MOVES[what]
    pk = send()
    approval.approve(pk, people["bina"], row(pk).plan_hash)
    move()
    begin(pk)

    assert (row(pk).state, factories.notifications()) == ("awaiting_approval", [])
    assert (asked(pk).answer, asked(pk).difference) == ("void", [line])
    with pytest.raises(NotAllowed):
        ask_again(pk, people["chitra"])

    ask_again(pk, people["bina"])
    assert (asked(pk).number, asked(pk).barred) == (2, ["asha@example.org", "bina@example.org"])
    with pytest.raises(NotAllowed):
        approval.approve(pk, people["bina"], row(pk).plan_hash)
    db.session.add(Operator(email="esha@example.org", role="sender", password_hash="x"))
    db.session.commit()
    esha = db.session.scalar(select(Operator.id).where(Operator.email == "esha@example.org"))
    approval.approve(pk, esha, row(pk).plan_hash)
    begin(pk)
    messages = factories.notifications()
    assert len(messages) == (7 if what == "entered" else 6)
    assert {one.title for one in messages} == {"Other" if what == "content" else "Hello"}


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_a_template_that_is_off_by_now_is_said_and_kept(people):
    pk = send()
    db.session.scalars(select(Template)).one().is_active = False
    db.session.commit()
    with pytest.raises(InactiveTemplate):
        approval.approve(pk, people["bina"], row(pk).plan_hash)
    assert asked(pk).answer == "void"
    with pytest.raises(InactiveTemplate):
        ask_again(pk, people["bina"])


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_another_plan_than_the_one_that_was_looked_at_is_not_approved(people):
    pk = send()
    with pytest.raises(PlanMoved, match="asked anew"):
        approval.approve(pk, people["bina"], "0" * 32)
    assert asked(pk).answer == ""


def test_rejected_with_a_word_it_is_over(people):
    pk = send()
    with pytest.raises(InvalidOption) as raised:
        approval.reject(pk, people["bina"], " ")
    assert raised.value.field == "word"
    approval.reject(pk, people["bina"], "Wrong price.")
    assert (row(pk).state, row(pk).detail) == ("cancelled", "Rejected by bina@example.org: Wrong price.")
    assert row(pk).finished_at is not None
    with pytest.raises(WrongState, match="Nothing waits"):
        approval.approve(pk, people["bina"], row(pk).plan_hash)


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_cancelled_by_whoever_asked_nothing_is_left_to_answer(people):
    pk = send()
    control.cancel(pk, "asha@example.org")
    assert asked(pk).answer == "withdrawn"


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_a_dry_run_before_it_is_the_plan_that_is_approved(people):
    plan = forecast("all", "offer", {"amount": 1}, SendOptions()).plan_hash
    pk = send(plan_hash=plan)
    assert (row(pk).state, row(pk).plan_hash, asked(pk).audience_count) == ("awaiting_approval", plan, 6)


def test_its_time_is_kept_and_its_messages_last_from_its_start(people):
    later = send(send_at=utcnow() + timedelta(hours=2))
    approval.approve(later, people["bina"], row(later).plan_hash)
    assert row(later).state == "scheduled"

    soon = send(send_at=utcnow() + timedelta(hours=2), expires_in=600)
    with writing() as connection:  # its time passes while nobody answers
        past = {"send_at": db_clock(-7_200), "created_at": db_clock(-9_000), "expires_at": db_clock(-6_600)}
        connection.execute(update(Broadcast).where(Broadcast.pk == soon).values(past))
    approval.approve(soon, people["bina"], row(soon).plan_hash)
    assert row(soon).state == "queued"
    assert 590 < (row(soon).expires_at - utcnow()).total_seconds() <= 600


@pytest.mark.parametrize("settings", [{"approve_above": 3, "undo_seconds": 30}])
@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_who_approves_can_take_it_back_for_a_moment(people, settings):
    pk = send()
    approval.approve(pk, people["bina"], row(pk).plan_hash)
    begin(pk)
    assert factories.notifications() == []
    control.undo(pk, "bina@example.org")
    assert row(pk).state == "cancelled"


def test_of_sixty_four_presses_one_approves_or_rejects(people, any_app):
    pk = send()
    plan, won, told, together = row(pk).plan_hash, [], [], threading.Barrier(64)

    def press(number):
        with any_app.app_context():
            together.wait()
            try:
                if number % 2:
                    approval.approve(pk, people["bina"], plan, "yes")
                else:
                    approval.reject(pk, people["bina"], "no")
                won.append("approved" if number % 2 else "rejected")
            except WrongState as error:
                told.append(error.remedy)
            db.session.remove()

    threads = [threading.Thread(target=press, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(told)) == (1, 63)
    assert asked(pk).answer == won[0]
    assert row(pk).state == ("queued" if won == ["approved"] else "cancelled")
    assert all("by bina@example.org at " in remedy for remedy in told)


@pytest.mark.parametrize("settings", [{"approve_above": 0}])
@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
def test_it_is_off_unless_set_and_a_said_number_of_people_must_be_true(people, settings):
    assert row(send(confirm_count=6)).state == "queued"
    with pytest.raises(WrongCount) as raised:
        send(confirm_count=5)
    assert (raised.value.field, raised.value.extra) == ("confirm_count", {"count": 6})
    assert db.session.query(Broadcast).count() == 1


def test_a_repeat_whose_first_call_was_refused_in_between_does_not_slip_past(people, monkeypatch):
    monkeypatch.setattr(broadcasts.idempotency, "look", lambda connection, options: object())  # there a moment ago, gone by now

    with pytest.raises(IdempotencyRunning):
        send(idempotency_key="k", idempotency_scope="s", body_hash="b")
    assert db.session.query(Broadcast).count() == 0
