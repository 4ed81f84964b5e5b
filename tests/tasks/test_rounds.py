"""Finish the job: what did not get through is sent again, and a row that was sent is never touched."""

import threading

import pytest
from sqlalchemy import select, update

from tasks import broadcasts, expand, jobs, reopen, rounds
from tasks.channels.base import Channel, ChannelError, Receipt
from tasks.database import reading, writing
from tasks.errors import CarillonError, InvalidOption, UnknownBroadcast, WrongState
from tasks.extensions import db
from tasks.ledger import counts
from tasks.ledger.result import Result, close
from tasks.models import AuditEntry, Broadcast, Delivery, Notification, Recipient
from tasks.models.words import CLOSED_STATES, OPEN_STATES
from tasks.options import SendOptions
from tasks.rounds import Choice
from tasks.status import broadcast_counts
from tests import factories


class Moody(Channel):
    """Refuses those in `refused` for good, and leaves those in `silent` in doubt; a network's edge without a network."""

    name, channel, batch = "moody", "email", 16
    refused: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def __init__(self, config):
        super().__init__(config)
        self.accepted = []

    def send_one(self, message, target):
        if target.address in self.refused:
            raise ChannelError("no such box", status="permanent", code="550")
        if target.address in self.silent:
            raise ChannelError("and then nothing", status="unknown", code="no_reply")
        self.accepted.append(message.delivery_id)
        return Receipt("250 queued")


def address(number):
    return f"u{number}@example.test"


def _moody(app):
    found = app.extensions["carillon.providers"]["email"] = Moody(app.extensions["carillon.settings"])
    factories.template()
    factories.rule()
    return found


@pytest.fixture
def moody(any_app):
    return _moody(any_app)


@pytest.fixture
def moody_here(app):
    """On SQLite only: for what is not the database's matter."""
    return _moody(app)


def run(pk):
    jobs.expand_broadcast.call_local(pk)
    while jobs._round("email"):
        pass
    broadcasts.finish()
    return db.session.get(Broadcast, pk, populate_existing=True)


def start(audience="all"):
    pk = broadcasts.create(audience, "payment_success", {"amount": 1}, SendOptions())
    assert run(pk).state == "completed"
    return pk


def states(channel="email"):
    return {row.notification.user.external_id: row.state for row in factories.deliveries(channel)}


def law(pk):
    """Shown counters are COUNT(*)."""
    found = {}
    for row in factories.deliveries():
        channel = found.setdefault(row.channel, {})
        channel[row.state] = channel.get(row.state, 0) + 1
    assert broadcast_counts(pk) == found


def test_what_did_not_get_through_is_counted_in_words(moody_here):
    factories.people(4)
    factories.people(2, start=10, email="")
    moody_here.refused, moody_here.silent = frozenset({address(0)}), frozenset({address(1)})
    pk = start()
    found = [(one.channel, one.state, one.reason, one.count) for one in rounds.choices(pk)]
    assert found == [("email", "skipped", "no_email", 2), ("email", "failed", "550", 1), ("email", "unknown", "in_doubt", 1)]
    assert "twice" in next(one.warning for one in rounds.choices(pk) if one.state == "unknown")
    assert all(one.words for one in rounds.choices(pk))


def test_three_rounds_and_everybody_has_exactly_one_success(moody):
    factories.people(30)
    moody.refused = frozenset(address(n) for n in range(0, 30, 3))
    pk = start()
    sent_before = [row.pk for row in factories.deliveries("email") if row.state == "sent"]
    for keep in (range(0, 30, 6), range(0, 30, 12), ()):
        moody.refused = frozenset(address(n) for n in keep)
        waiting = sum(one.count for one in rounds.choices(pk))
        made = rounds.finish(pk, rounds.EVERYTHING, "asha")
        assert made.count == waiting
        assert db.session.get(Broadcast, pk, populate_existing=True).state == "sending"
        assert run(pk).state == "completed"
        law(pk)
    assert set(states().values()) == {"sent"}
    assert sorted(moody.accepted) == sorted(row.pk for row in factories.deliveries("email"))
    rows = {row.pk: row for row in factories.deliveries("email")}
    assert {rows[one].round for one in sent_before} == {1}
    last = next(row for row in rows.values() if row.round == 4)
    assert [(entry.round, entry.number, entry.outcome) for entry in last.attempts] == [
        (1, 1, "permanent"), (2, 1, "permanent"), (3, 1, "permanent"), (4, 1, "sent"),
    ]
    assert [(one.number, one.count, one.created_by, one.is_open) for one in rounds.history(pk)] == [
        (2, 10, "asha", False), (3, 5, "asha", False), (4, 3, "asha", False),
    ]
    assert db.session.get(Broadcast, pk).round == 4


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(state="failed"), {"0": "sent", "1": "unknown", "2": "skipped"}),
        (Choice(reason="in_doubt"), {"0": "failed", "1": "sent", "2": "skipped"}),
        (Choice(channel="email", state="failed", reason="550"), {"0": "sent", "1": "unknown", "2": "skipped"}),
        (Choice(channel="email"), {"0": "sent", "1": "sent", "2": "skipped"}),
    ],
)
def test_only_what_is_chosen_goes(moody_here, choice, expected):
    factories.people(2)
    factories.person("2")
    factories.people(1, start=3)
    moody_here.refused, moody_here.silent = frozenset({address(0)}), frozenset({address(1)})
    pk = start()
    moody_here.refused = moody_here.silent = frozenset()
    rounds.finish(pk, [choice], "asha")
    run(pk)
    assert states() == {**expected, "3": "sent"}
    law(pk)


def test_whoever_was_skipped_is_looked_at_again(moody_here):
    factories.person("1")
    factories.person("2")
    pk = start()
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "2").values(email="two@example.test"))
    assert rounds.finish(pk, [Choice(state="skipped", reason="no_email")], "asha").count == 2
    run(pk)
    assert states() == {"1": "skipped", "2": "sent"}
    assert factories.deliveries("email")[0].reason == "no_email"
    law(pk)


def test_no_state_that_was_sent_or_is_open_can_be_moved(moody):
    """The guarantee of the one statement: whatever is chosen, and whatever the round's row says, these stay as they are."""
    every = [*OPEN_STATES, *CLOSED_STATES]
    factories.people(len(every))
    pk = start()
    rows = factories.deliveries("email")
    with writing() as connection:
        for row, state in zip(rows, every, strict=True):
            values = {"state": state, "reason": "r", "lease_token": "t", "leased_by": None}
            connection.execute(update(Delivery).where(Delivery.pk == row.pk).values(**values))
            counts.add(connection, 9, {(pk, "email", "sent"): -1})
            counts.add(connection, 9, {(pk, "email", state): 1 if state in CLOSED_STATES else 0})
    before = {row.pk: row.state for row in factories.deliveries("email")}
    rounds.finish(pk, [Choice(), Choice(state="bounced")], "asha")
    with writing() as connection:  # as bad as it can be: a round that asks for every state by name
        chosen = [["email", state, None] for state in every]
        connection.execute(update(rounds.BroadcastRound).values(chosen=chosen))
    reopen.reopen(pk, lambda: False, lambda channels: None)
    moved = {row.pk: before[row.pk] for row in factories.deliveries("email") if row.round == 2}
    assert set(moved.values()) == {"failed", "unknown", "skipped", "expired", "bounced"}
    for row in factories.deliveries("email"):
        if row.pk in moved:
            assert (row.state, row.attempt_count, row.lease_token, row.reason) == ("queued", 0, None, "")
        else:
            assert (row.state, row.round, row.lease_token) == (before[row.pk], 1, "t")
    law(pk)


def test_what_was_sent_is_no_choice(moody_here):
    factories.people(1)
    pk = start()
    for state in ("sent", "delivered", "cancelled", "queued", "sending", "nonsense"):
        with pytest.raises(InvalidOption) as raised:
            rounds.finish(pk, [Choice(), Choice(state=state)], "asha")
        assert raised.value.field == "chosen.1.state"
    with pytest.raises(InvalidOption):
        rounds.finish(pk, [], "asha")
    with pytest.raises(InvalidOption):
        rounds.finish(pk, [Choice(channel="fax")], "asha")
    with pytest.raises(UnknownBroadcast):
        rounds.finish(pk + 7, rounds.EVERYTHING, "asha")


def test_bounced_ones_go_only_where_they_are_named(moody_here):
    factories.people(2)
    pk = start()
    with writing() as connection:
        connection.execute(update(Delivery).where(Delivery.channel == "email").values(state="bounced"))
        counts.add(connection, 9, {(pk, "email", "sent"): -2, (pk, "email", "bounced"): 2})
    with pytest.raises(WrongState, match="Nothing"):
        rounds.finish(pk, rounds.EVERYTHING, "asha")
    assert rounds.finish(pk, [Choice(state="bounced")], "asha").count == 2


def test_of_64_who_press_one_starts_and_the_others_are_told_who(moody, any_app):
    factories.people(6)
    moody.refused = frozenset({address(0), address(1)})
    pk = start()
    started, told = [], []

    def press(name):
        with any_app.app_context():
            try:
                rounds.finish(pk, rounds.EVERYTHING, name)
                started.append(name)
            except WrongState as error:
                told.append(error.remedy)

    threads = [threading.Thread(target=press, args=(f"operator {n}",)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(started), len(told)) == (1, 63)
    assert all(started[0] in remedy for remedy in told)
    assert len(rounds.history(pk)) == 1
    assert db.session.scalars(select(AuditEntry.actor).where(AuditEntry.action == "finish")).all() == started


def test_a_crash_half_way_neither_loses_nor_doubles(moody, monkeypatch):
    monkeypatch.setattr(reopen, "PAGE", 3)
    factories.people(20)
    moody.refused = frozenset(address(n) for n in range(20))
    pk = start()
    monkeypatch.setattr(jobs, "wake_broadcast", lambda pk: None)
    rounds.finish(pk, rounds.EVERYTHING, "asha")
    moody.refused = frozenset()
    for _ in range(3):
        turns = iter([False, True])
        reopen.reopen(pk, lambda turns=turns: next(turns), lambda channels: None)
        while jobs._round("email"):
            pass
        assert broadcasts.finish() == []
    assert sum(row.round == 2 for row in factories.deliveries("email")) == 9
    assert reopen.waiting() == [pk]
    assert run(pk).state == "completed"
    assert set(states().values()) == {"sent"}
    assert len(moody.accepted) == len(set(moody.accepted)) == 20
    law(pk)


def test_workers_that_share_a_round_move_every_row_once(moody, any_app, monkeypatch):
    monkeypatch.setattr(reopen, "PAGE", 4)
    factories.people(40)
    moody.refused = frozenset(address(n) for n in range(40))
    pk = start()
    rounds.finish(pk, rounds.EVERYTHING, "asha")

    def work():
        with any_app.app_context():
            reopen.reopen(pk, lambda: False, lambda channels: None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(row.state, row.round) for row in factories.deliveries("email")} == {("queued", 2)}
    law(pk)


def test_a_round_can_be_paused_resumed_and_cancelled_on_its_way(moody, monkeypatch):
    monkeypatch.setattr(reopen, "PAGE", 3)
    factories.people(9)
    moody.refused = frozenset(address(n) for n in range(9))
    pk = start()
    rounds.finish(pk, rounds.EVERYTHING, "asha")
    turns = iter([False, True])
    reopen.reopen(pk, lambda: next(turns), lambda channels: None)
    rounds.control.pause(pk, "bina")
    run(pk)
    assert [row.state for row in factories.deliveries("email")] == ["queued"] * 3 + ["failed"] * 6
    with pytest.raises(WrongState, match="paused") as raised:
        rounds.finish(pk, rounds.EVERYTHING, "asha")
    assert "bina" in raised.value.remedy
    rounds.control.resume(pk, "bina")
    turns = iter([False, True])
    reopen.reopen(pk, lambda: next(turns), lambda channels: None)
    rounds.control.cancel(pk, "bina")
    rounds.control.sweep_cancelled(pk, 1)
    reopen.reopen(pk, lambda: False, lambda channels: None)
    assert [row.state for row in factories.deliveries("email")] == ["cancelled"] * 6 + ["failed"] * 3
    law(pk)
    with pytest.raises(WrongState, match="cancelled"):
        rounds.finish(pk, rounds.EVERYTHING, "asha")


def test_a_late_answer_of_the_old_round_finds_nothing(moody_here):
    factories.people(1)
    moody_here.silent = frozenset({address(0)})
    pk = start()
    (row,) = factories.deliveries("email")
    token = row.lease_token
    assert (row.state, token is not None) == ("unknown", True)
    rounds.finish(pk, rounds.EVERYTHING, "asha")
    reopen.reopen(pk, lambda: False, lambda channels: None)
    assert close([Result(row.pk, pk, "email", "sent")], [], token, 1) == 0
    assert factories.deliveries("email")[0].state == "queued"
    law(pk)


def test_a_repeated_call_starts_one_round(moody_here):
    factories.people(2)
    moody_here.refused = frozenset({address(0)})
    pk = start()
    options = SendOptions(idempotency_key="k", body_hash="h")
    first = rounds.finish(pk, rounds.EVERYTHING, "asha", options=options)
    run(pk)
    assert rounds.finish(pk, rounds.EVERYTHING, "asha", options=options).number == first.number == 2
    assert len(rounds.history(pk)) == 1
    with pytest.raises(CarillonError):
        rounds.finish(pk, rounds.EVERYTHING, "asha", options=SendOptions(idempotency_key="k", body_hash="other"))


def test_a_refused_call_does_not_take_its_key(moody_here):
    factories.people(1)
    pk = start()
    options = SendOptions(idempotency_key="k", body_hash="h")
    for _ in range(2):
        with pytest.raises(WrongState, match="Nothing"):
            rounds.finish(pk, rounds.EVERYTHING, "asha", options=options)


def test_a_round_has_its_own_time_to_expire(moody_here):
    factories.people(1)
    moody_here.refused = frozenset({address(0)})
    pk = start()
    with writing() as connection:
        past = db.session.get(Broadcast, pk).created_at
        connection.execute(update(Broadcast).values(created_at=past.replace(year=past.year - 1)))
        given = past - past.replace(year=past.year - 1)
        connection.execute(update(Broadcast).values(expires_at=past.replace(year=past.year - 1) + given / 365))
        connection.execute(update(Delivery).where(Delivery.channel == "email").values(state="expired", reason="expired"))
        counts.add(connection, 9, {(pk, "email", "failed"): -1, (pk, "email", "expired"): 1})
    moody_here.refused = frozenset()
    rounds.finish(pk, [Choice(state="expired")], "asha")
    run(pk)
    (row,) = factories.deliveries("email")
    assert row.state == "sent"
    assert 23 < (row.expires_at - row.closed_at).total_seconds() / 3600 < 25


def test_a_text_that_failed_is_rendered_again_and_comes_into_the_inbox_as_new(any_app):
    any_app.extensions["carillon.providers"]["email"] = Moody(any_app.extensions["carillon.settings"])
    factories.template("hello", title="Hi {{ recipient.attributes.nick }}", message="m")
    factories.rule("hello")
    factories.rule()
    for n in range(3):
        factories.person(str(n), email=address(n), attributes={"nick": f"N{n}"} if n == 0 else {})
    pk = broadcasts.create("all", "hello", {}, SendOptions())
    run(pk)
    assert states("in_app") == states() == {"0": "sent", "1": "failed", "2": "failed"}
    assert {(one.channel, one.state, one.reason, one.count) for one in rounds.choices(pk)} == {
        ("in_app", "failed", "render_failed", 2), ("email", "failed", "render_failed", 2),
    }
    highest = max(row.pk for row in factories.notifications())
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "1").values(attributes={"nick": "Late"}))
    rounds.finish(pk, rounds.EVERYTHING, "asha")
    run(pk)
    assert states("in_app") == states() == {"0": "sent", "1": "sent", "2": "failed"}
    law(pk)
    (shown,) = [row for row in factories.notifications() if row.user.external_id == "1"]
    assert (shown.title, shown.deleted_at, shown.broadcast_id) == ("Hi Late", None, pk)
    assert shown.pk > highest  # whoever reads by cursor, gets it
    assert {row.channel for row in shown.deliveries} == {"in_app", "email"}
    (left,) = [row for row in factories.notifications() if row.user.external_id == "2"]
    assert left.deleted_at is not None
    assert "nick" in left.deliveries[0].detail
    with reading() as connection:
        assert connection.scalar(select(Notification.pk).where(Notification.broadcast_id.is_(None))) is None


def test_an_erased_person_is_skipped(moody_here):
    factories.people(1)
    moody_here.refused = frozenset({address(0)})
    pk = start()
    with writing() as connection:
        connection.execute(update(Recipient).values(is_active=False))
    rounds.finish(pk, rounds.EVERYTHING, "asha")
    run(pk)
    assert [(row.state, row.reason) for row in factories.deliveries("email")] == [("skipped", "recipient_inactive")]
    law(pk)


def test_who_was_switched_off_and_is_back_gets_the_message_as_a_new_one(any_app):
    found = any_app.extensions["carillon.providers"]["email"] = Moody(any_app.extensions["carillon.settings"])
    factories.template("hello", title="Hi {{ recipient.name }}", message="m")
    factories.rule("hello")
    factories.people(3)
    pk = broadcasts.create("all", "hello", {}, SendOptions())
    turns = iter([False, True])
    expand.expand(pk, lambda: next(turns), lambda channels: None)  # frozen, and not a row written
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "1").values(is_active=False))
    run(pk)
    assert states("in_app") == states() == {"0": "sent", "1": "skipped", "2": "sent"}
    with writing() as connection:
        connection.execute(update(Recipient).values(is_active=True))
    rounds.finish(pk, [Choice(reason="recipient_inactive")], "asha")
    run(pk)
    assert set(states("in_app").values()) == set(states().values()) == {"sent"}
    shown = [row.title for row in factories.notifications() if row.deleted_at is None]
    assert shown == ["Hi Person 0", "Hi Person 2", "Hi Person 1"]
    assert len(found.accepted) == 3
    law(pk)
