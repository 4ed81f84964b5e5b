"""The proof: its numbers are those of the rows, each clause notices its own trouble, and a stranger's script agrees."""

import json
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update

from tasks import broadcasts, jobs, rounds
from tasks.audience.erase import erase
from tasks.channels.base import Channel, ChannelError, Receipt
from tasks.database import reading, snapshot, writing
from tasks.errors import UnknownBroadcast
from tasks.models import Attempt, BroadcastCount, Delivery, Notification, Recipient
from tasks.options import SendOptions
from tasks.proof import export, lines, prove
from tasks.public_id import DELIVERY, encode
from tests import factories

CHECK = Path(__file__).resolve().parents[3] / "static" / "check_proof.py"
SCRIPT = runpy.run_path(str(CHECK))


class Edge(Channel):
    """A network's edge by the address's first letters; remembers what it accepted, as a provider does."""

    name, channel, batch = "edge", "email", 16

    def __init__(self, config):
        super().__init__(config)
        self.accepted = []
        self.moods = {}

    def send_one(self, message, target):
        mood = self.moods.get(target.address)
        if mood:
            raise ChannelError(f"in the mood for {mood}", status=mood, code=mood[:3])
        self.accepted.append(message.reference)
        return Receipt("250 ok", provider_ref=f"ref-{message.delivery_id}")


def _edge(app):
    found = app.extensions["carillon.providers"]["email"] = Edge(app.extensions["carillon.settings"])
    factories.template()
    factories.rule(retry_delays=[60])
    return found


@pytest.fixture
def edge(any_app):
    return _edge(any_app)


@pytest.fixture
def edge_here(app):
    """On SQLite only: for what is not the database's matter."""
    return _edge(app)


def run(pk):
    jobs.expand_broadcast.call_local(pk)
    for _ in range(3):
        while jobs._round("email"):
            pass
        factories.due_now()
    broadcasts.finish()


def start(edge, people=12):
    """A run with every kind of end: sent, refused, in doubt, given up, skipped."""
    factories.people(people)
    factories.person("nobody's", name="No mail")
    edge.moods = {"u0@example.test": "permanent", "u1@example.test": "unknown", "u2@example.test": "temporary"}
    pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
    run(pk)
    return pk


def held(proof):
    return {clause.name: clause.holds for clause in proof.clauses}


def check(written, *arguments, monkeypatch, capsys, tmp_path):
    """What the script says of an export, and its exit status; in this very process, for speed."""
    path = tmp_path / "export.ndjson"
    path.write_text("".join(written))
    monkeypatch.setattr(sys, "argv", ["check_proof.py", str(path), *arguments])
    capsys.readouterr()
    status = SCRIPT["main"]()
    said = capsys.readouterr()
    return status, said.out + said.err


@pytest.fixture
def checked(monkeypatch, capsys, tmp_path):
    return partial(check, monkeypatch=monkeypatch, capsys=capsys, tmp_path=tmp_path)


def test_its_numbers_are_those_of_the_rows(edge):
    pk = start(edge)
    proof = prove(pk)
    assert (proof.holds, proof.at_rest, proof.rows) == (True, True, 26)
    assert proof.counts == {"email": {"failed": 2, "sent": 9, "skipped": 1, "unknown": 1}, "in_app": {"sent": 13}}
    assert (proof.facts["audience"], proof.facts["audience_count"], proof.facts["state"]) == ("all", 13, "completed")
    assert proof.facts["frozen_at"]
    assert proof.facts["audience_definition"] is not None
    json.dumps(proof.as_json())
    assert prove(pk).sha256 == proof.sha256


def test_a_strangers_script_gets_the_same_and_compares_it_with_the_providers_own_log(edge, checked, tmp_path):
    pk = start(edge)
    edge.moods = {"u0@example.test": "permanent"}
    rounds.finish(pk, rounds.EVERYTHING, "asha")
    run(pk)
    proof = prove(pk)
    log = tmp_path / "accepted.log"
    log.write_text("".join(f"{reference} u@example.test\n" for reference in edge.accepted))
    plain, anonymous = list(export(pk)), list(export(pk, anonymous=True))
    status, words = checked(plain, "--sha256", proof.sha256, "--log", str(log))
    assert (status, "agreement" in words) == (0, True), words
    status, words = checked(anonymous, "--sha256", proof.sha256_anonymous, "--log", str(log))
    assert status == 0, words
    assert "nobody's" in "".join(plain)
    assert "nobody's" not in "".join(anonymous)
    assert "ref-" not in "".join(anonymous)
    by_ref = tmp_path / "by_reference.log"
    by_ref.write_text("".join(f"ref-{row.pk}\n" for row in factories.deliveries("email") if row.state == "sent"))
    assert checked(plain, "--log", str(by_ref), "--channel", "email")[0] == 0
    log.write_text("".join(f"{reference}\n" for reference in [*edge.accepted[1:], edge.accepted[1]]))
    status, words = checked(plain, "--log", str(log))
    assert status == 1
    assert "1 called sent, and not in the log" in words
    assert "1 in the log more than once" in words


def tampered(written):
    """Every way to change one line: a state, a person, an attempt, a line less, a line twice, two lines changed about."""
    found = next(n for n, line in enumerate(written) if '"channel":"email","state":"failed"' in line)
    yield [*written[:found], written[found].replace('"failed"', '"sent"'), *written[found + 1 :]]
    yield [*written[:found], written[found].replace('"person":"', '"person":"x'), *written[found + 1 :]]
    yield [*written[:found], written[found].replace('"permanent"', '"sent"'), *written[found + 1 :]]
    yield [*written[:found], *written[found + 1 :]]
    yield [*written[:found], written[found], *written[found:]]
    yield [*written[:found], written[found + 1], written[found], *written[found + 2 :]]
    yield [*written[:-1], written[-1].replace('"sent":9', '"sent":10')]
    yield [written[0].replace('"skipped":1', '"skipped":2'), *written[1:]]


def test_the_script_notices_any_line_that_was_changed(edge_here, checked):
    written = list(export(start(edge_here)))
    for number, bad in enumerate(tampered(written)):
        assert bad != written
        status, words = checked(bad)
        assert (status, "DIFFERENCE" in words) == (1, True), (number, words)


@pytest.mark.parametrize("cut", [slice(0), slice(1), slice(-1)])
def test_the_script_refuses_what_is_no_whole_export(edge_here, checked, cut):
    written = list(export(start(edge_here)))
    status, words = checked(written[cut])
    assert (status, "no whole export" in words) == (2, True), words


def test_the_script_needs_nothing_but_python_and_the_hash_not_even_that(edge_here, tmp_path):
    pk = start(edge_here)
    path = tmp_path / "export.ndjson"
    path.write_text("".join(export(pk)))
    done = subprocess.run(f"sed '1d;$d' {path} | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == prove(pk).sha256
    alone = [sys.executable, "-I", "-S", str(CHECK), "-"]
    done = subprocess.run(alone, input=path.read_text(), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "agreement" in done.stdout) == (0, True), done.stdout + done.stderr


def breakages():
    """(clause, what to do to the tables): each breaks that clause."""
    email = Delivery.channel == "email"
    of_sent = Attempt.delivery_id.in_(select(Delivery.pk).where(Delivery.state == "sent"))
    return {
        "audience": [delete(Delivery).where(email, Delivery.state == "skipped")],
        "sent_was_accepted": [update(Delivery).where(email, Delivery.reason == "gave_up").values(state="sent")],
        "accepted_is_sent": [update(Delivery).where(email, Delivery.state == "sent").values(state="failed")],
        "counters": [update(BroadcastCount).where(BroadcastCount.state == "skipped").values(count=7)],
        "rounds": [update(Delivery).where(email, Delivery.state == "sent").values(round=2)],
        "accepted_once": [
            insert(Attempt).from_select(
                ["delivery_id", "number", "provider", "target", "outcome", "code", "response", "provider_ref", "started_at",
                 "duration_ms"],
                select(
                    Attempt.delivery_id, Attempt.number, Attempt.provider, Attempt.target, Attempt.outcome, Attempt.code,
                    Attempt.response, Attempt.provider_ref, Attempt.started_at, Attempt.duration_ms,
                ).where(of_sent), include_defaults=False,
            ),
        ],
    }  # fmt: skip


@pytest.mark.parametrize("clause", list(breakages()))
def test_each_clause_notices_its_own_trouble(edge_here, checked, clause):
    pk = start(edge_here)
    with writing() as connection:
        for statement in breakages()[clause]:
            assert connection.execute(statement).rowcount
    proof = prove(pk)
    assert not held(proof)[clause]
    assert not proof.holds
    status, words = checked(list(export(pk)))
    assert (status, f"NO   {clause}" in words) == (1, True), words


def test_a_person_who_has_two_rows_is_noticed(edge):
    """The tables' own unique indexes forbid it: they are taken away first."""
    pk = start(edge)
    with writing() as connection:
        connection.execute(text("DROP INDEX uq_notifications_broadcast_id_recipient_id"))
        connection.execute(text("CREATE INDEX uq_notifications_broadcast_id_recipient_id ON notifications (broadcast_id)"))
        first, second = connection.execute(select(Notification.recipient_id).limit(2)).scalars()
        connection.execute(update(Notification).where(Notification.recipient_id == second).values(recipient_id=first))
    try:
        assert not held(prove(pk))["once"]
    finally:
        with writing() as connection:
            connection.execute(update(Notification).values(broadcast_id=None))
            connection.execute(text("DROP INDEX uq_notifications_broadcast_id_recipient_id"))
            connection.execute(text(
                "CREATE UNIQUE INDEX uq_notifications_broadcast_id_recipient_id ON notifications (broadcast_id, recipient_id)"
                " WHERE broadcast_id IS NOT NULL"
            ))


def test_a_running_broadcast_is_not_at_rest_and_holds_the_law_all_the_same(edge):
    factories.people(30)
    pk = broadcasts.create("all", "payment_success", {"amount": 1}, SendOptions())
    assert (prove(pk).holds, prove(pk).at_rest, prove(pk).rows) == (True, False, 0)
    jobs.expand_broadcast.call_local(pk)
    proof = prove(pk)
    assert (proof.holds, proof.at_rest, proof.counts["email"]) == (True, False, {"queued": 30})
    assert "not at rest" not in proof.facts


def test_it_reads_one_moment_however_long_it_takes(edge, monkeypatch):
    monkeypatch.setattr(lines, "PAGE", 3)
    pk = start(edge)
    before = prove(pk)
    written = export(pk)
    got = [next(written), next(written)]
    with writing() as connection:
        connection.execute(update(Delivery).values(state="cancelled"))
    got += list(written)
    assert json.loads(got[-1])["sha256"] == before.sha256
    assert prove(pk).sha256 != before.sha256


def test_an_erasure_changes_the_plain_hash_only(edge):
    pk = start(edge)
    before = prove(pk)
    with reading() as connection:
        one = connection.scalar(select(Recipient.id).where(Recipient.external_id == "5"))
    erase(one)
    after = prove(pk)
    assert (after.sha256 != before.sha256, after.sha256_anonymous) == (True, before.sha256_anonymous)
    assert after.holds


def test_an_empty_audience_is_proven_too(edge, checked):
    pk = broadcasts.create({"ids": ["nobody"]}, "payment_success", {"amount": 1}, SendOptions())
    run(pk)
    proof = prove(pk)
    assert (proof.holds, proof.at_rest, proof.rows, proof.facts["audience_count"]) == (True, True, 0, 0)
    assert checked(list(export(pk)))[0] == 0


def test_an_unknown_broadcast_is_named(any_app):
    with pytest.raises(UnknownBroadcast):
        prove(99)
    with pytest.raises(UnknownBroadcast):
        next(export(99))


def test_a_line_names_the_delivery_as_the_provider_saw_it(edge):
    pk = start(edge)
    assert {json.loads(line)["delivery"] for line in list(export(pk))[1:-1]} >= {*edge.accepted}
    with snapshot() as connection:
        first = next(lines.read(connection, pk))
    assert json.loads(first.plain())["delivery"] == str(encode(DELIVERY, first.pk))
