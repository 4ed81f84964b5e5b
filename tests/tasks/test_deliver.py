"""Delivering: every outcome of a provider becomes the right state, with its reason and its next moment."""

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tasks import channels, deliver, insist, jobs
from tasks.channels.base import Channel, ChannelError, Receipt
from tasks.extensions import db
from tasks.ledger import lease
from tasks.send import notify, notify_bulk
from tests import factories


class Scripted(Channel):
    """Answers by the recipient's name, as a provider of one channel; a network's edge without a network."""

    name, channel, batch = "scripted", "email", 4

    def send_one(self, message, target):
        word = target.address.partition("@")[0]
        if word.startswith("ok"):
            return Receipt("250 queued", provider_ref="r1")
        status, _, seconds = word.partition(".")
        raise ChannelError("its own words", status=status, code="c1", retry_after=float(seconds) if seconds else None)


@pytest.fixture
def scripted(app):
    app.extensions["carillon.providers"]["email"] = Scripted(app.extensions["carillon.settings"])
    factories.template()


def outcome(word, **rule):
    factories.rule(**rule)
    notify({"id": "42", "email": f"{word}@example.test"}, "payment_success", amount=1)
    (row,) = factories.deliveries("email")
    return row


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize(
    ("word", "rule", "state", "reason"),
    [
        ("ok", {}, "sent", ""),
        ("permanent", {}, "failed", "c1"),
        ("temporary", {}, "retrying", "c1"),
        ("temporary", {"retry_delays": []}, "failed", "gave_up"),
        ("configuration", {}, "retrying", "c1"),
        ("unknown", {}, "unknown", "in_doubt"),
        ("unknown", {"on_unknown": "ask"}, "unknown", "in_doubt"),
        ("unknown", {"on_unknown": "retry"}, "retrying", "c1"),
        ("unknown", {"on_unknown": "retry", "retry_delays": []}, "unknown", "in_doubt"),
    ],
)
def test_each_outcome(word, rule, state, reason):
    row = outcome(word, **rule)
    assert (row.state, row.reason, row.provider) == (state, reason, "scripted")
    assert row.attempts[0].target == f"{word[:2]}…@example.test"


@pytest.mark.usefixtures("scripted")
def test_a_longer_retry_after_wins():
    row = outcome("temporary.200")
    assert 190 < (row.next_attempt_at - row.created_at).total_seconds() < 210


@pytest.mark.usefixtures("scripted")
def test_after_the_last_retry_it_gives_up_with_the_error():
    factories.rule(retry_delays=[60, 120, 180])
    notify({"id": "42", "email": "temporary@example.test"}, "payment_success", amount=1)
    delays = []
    for _ in range(5):
        (row,) = factories.deliveries("email")
        if row.state == "retrying":
            delays.append(round((row.next_attempt_at - row.attempts[-1].started_at).total_seconds()))
        factories.due_now()
        jobs._round("email")
    (row,) = factories.deliveries("email")
    assert (row.state, row.reason, row.detail, len(row.attempts)) == ("failed", "gave_up", "its own words", 4)
    assert delays == [60, 120, 180]


@pytest.mark.usefixtures("scripted")
def test_an_idempotent_provider_gets_doubt_again(monkeypatch):
    monkeypatch.setattr(Scripted, "idempotent", True)
    assert outcome("unknown").state == "retrying"


@pytest.mark.usefixtures("scripted")
def test_a_worker_that_is_asked_to_end_gives_back_what_it_has_not_handed_over(monkeypatch):
    factories.rule()
    factories.people(12)
    notify_bulk([{"id": str(n), "email": f"ok{n}@example.test"} for n in range(12)], "payment_success", amount=1)
    turns = iter([False, False, True])
    real = deliver.send

    def asked(channel, work, token, process, **how):
        return real(channel, work, token, process, permit=how["permit"], stopping=lambda: next(turns))

    monkeypatch.setattr(deliver, "send", asked)
    jobs._serve("email", None)
    assert sorted(row.state for row in factories.deliveries("email")) == ["queued"] * 4 + ["sent"] * 8
    assert {row.attempt_count for row in factories.deliveries("email") if row.state == "queued"} == {0}


def test_a_push_retry_leaves_the_device_alone_that_has_it(app):
    factories.template()
    factories.rule(channels=["push"])
    notify({"id": "42", "tokens": ["fails-once-1", "good-1"]}, "payment_success", amount=1)
    assert factories.deliveries("push")[0].state == "retrying"
    factories.due_now()
    jobs._round("push")
    (row,) = factories.deliveries("push")
    assert row.state == "sent"
    assert [(entry.number, entry.outcome) for entry in row.attempts] == [(1, "temporary"), (1, "sent"), (2, "sent")]
    assert channels.provider("push").name == "simulator"


class Outage(Scripted):
    """A provider whose answer finds the database gone: the next commits fail, before they happen or after."""

    def begin(self, *, after):
        self.after, self.left, self.posts = after, 0, 0
        event.listen(db.engine, "commit", self.commit)

    def commit(self, connection):
        if self.left:
            self.left -= 1
            if self.after:
                connection.connection.commit()
            raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    def send_one(self, message, target):
        self.posts += 1
        self.left = 3
        return super().send_one(message, target)


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_outlives_an_outage_of_the_database(app, monkeypatch, after):
    monkeypatch.setattr(insist, "REST", 0.001)
    provider = app.extensions["carillon.providers"]["email"] = Outage(app.extensions["carillon.settings"])
    factories.template()
    factories.rule()
    provider.begin(after=after)
    notify({"id": "42", "email": "ok@example.test"}, "payment_success", amount=1)
    (row,) = factories.deliveries("email")
    assert (row.state, len(row.attempts), provider.posts) == ("sent", 1, 1)


@pytest.mark.usefixtures("scripted")
def test_what_had_not_begun_when_the_worker_is_asked_to_end_goes_back_untried():
    factories.rule()
    jobs.stopping.set()
    try:
        notify({"id": "42", "email": "ok@example.test"}, "payment_success", amount=1)
    finally:
        jobs.stopping.clear()
    (row,) = factories.deliveries("email")
    assert (row.state, row.attempt_count, len(row.attempts)) == ("queued", 0, 0)


@pytest.mark.usefixtures("scripted")
def test_only_one_hand_over_is_on_the_wire_and_its_rows_are_marked_before(monkeypatch):
    factories.rule()
    factories.people(20)
    notify_bulk([{"id": str(n), "email": f"ok{n}@example.test"} for n in range(20)], "payment_success", amount=1)
    real, seen, flying, engine = Scripted.send, [], [], db.engine
    marked = "SELECT count(*) FROM deliveries WHERE handed_at IS NOT NULL AND state = 'sending'"

    def watched(self, messages):
        flying.append(len(messages))
        with engine.connect() as connection:
            seen.append((sum(flying), connection.exec_driver_sql(marked).scalar()))
        outcomes = real(self, messages)
        flying.clear()
        return outcomes

    monkeypatch.setattr(Scripted, "send", watched)
    jobs._serve("email", None)
    assert seen == [(4, 4)] * 5
    assert {row.state for row in factories.deliveries("email")} == {"sent"}


@pytest.mark.usefixtures("scripted")
def test_a_provider_in_trouble_gets_no_further_hand_over_of_the_claim():
    factories.rule()
    factories.people(20)
    words = ["ok"] * 4 + ["configuration"] * 16
    notify_bulk(
        [{"id": str(n), "email": f"{word}@example.test"} for n, word in enumerate(words)], "payment_success", amount=1
    )
    jobs._serve("email", None)
    rows = factories.deliveries("email")
    assert [row.state for row in rows] == ["sent"] * 4 + ["retrying"] * 4 + ["queued"] * 12
    assert {row.attempt_count for row in rows[8:]} == {0}


@pytest.mark.usefixtures("scripted")
def test_a_database_that_is_away_at_the_next_hand_over_still_gets_the_results_of_the_last(monkeypatch):
    factories.rule()
    factories.people(8)
    notify_bulk([{"id": str(n), "email": f"ok{n}@example.test"} for n in range(8)], "payment_success", amount=1)
    real, calls = lease.mark, []

    def failing(connection, ids, token, slot):
        calls.append(ids)
        if len(calls) == 2:
            raise SQLAlchemyError("gone")
        return real(connection, ids, token, slot)

    monkeypatch.setattr(lease, "mark", failing)
    with pytest.raises(SQLAlchemyError):
        jobs._serve("email", None)
    assert sorted(row.state for row in factories.deliveries("email")) == ["sending"] * 4 + ["sent"] * 4
