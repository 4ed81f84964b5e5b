"""Results: fenced by the lease, never lessening what is known, counted in the same breath."""

import pytest

from tasks.broadcasts import create
from tasks.database import reading
from tasks.expand import expand
from tasks.ledger import counts, lease
from tasks.ledger.reap import reap
from tasks.ledger.result import Result, Try, close
from tasks.models.types import utcnow
from tasks.options import SendOptions
from tests import factories


@pytest.fixture
def leased(any_app):
    """(broadcast, token, ids) of four handed-over e-mails."""
    factories.template()
    factories.rule()
    factories.people(4)
    pk = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(pk, lambda: False, lambda channels: None)
    token, ids = lease.lease("email", pk, 4, 1)
    lease.hand_over(ids, token, 1)
    return pk, token, ids


def result(pk, broadcast, state, **values):
    return Result(pk, broadcast, "email", state, provider="smtp", **values)


def attempt(pk):
    return Try(pk, 1, "smtp", "u…@example.test", None, "sent", "250", "OK", "ref", utcnow(), 12)


def counted(broadcast):
    with reading() as connection:
        return counts.closed(connection, broadcast).get("email", {})


def test_results_attempts_and_counters_are_written_together(leased):
    broadcast, token, ids = leased
    states = ["sent", "failed", "retrying", "unknown"]
    results = [
        result(pk, broadcast, state, reason="r", detail="said so", delay=60) for pk, state in zip(ids, states, strict=True)
    ]
    assert close(results, [attempt(pk) for pk in ids], token, 7) == 4
    rows = factories.deliveries("email")
    assert [row.state for row in rows] == states
    assert [row.closed_at is not None for row in rows] == [True, True, False, True]
    assert [row.attempts[0].response for row in rows] == ["OK"] * 4
    assert 55 < (rows[2].next_attempt_at - utcnow()).total_seconds() < 65
    assert counted(broadcast) == {"sent": 1, "failed": 1, "unknown": 1}


def test_a_foreign_token_changes_nothing_but_the_tries_are_kept(leased):
    broadcast, _, ids = leased
    assert close([result(pk, broadcast, "sent") for pk in ids], [attempt(pk) for pk in ids], "another", 7) == 0
    assert {row.state for row in factories.deliveries("email")} == {"sending"}
    assert counted(broadcast) == {}


def test_a_late_answer_settles_what_the_reaper_called_unknown(leased):
    broadcast, token, ids = leased
    lease.abandon(token)
    assert reap(lambda channel: False, [60], 1) == 4
    assert counted(broadcast) == {"unknown": 4}
    assert close([result(pk, broadcast, "sent") for pk in ids[:3]], [], token, 7) == 3
    assert counted(broadcast) == {"sent": 3, "unknown": 1}


def test_an_answer_that_comes_after_that_never_lessens_it(leased):
    broadcast, token, ids = leased
    close([result(ids[0], broadcast, "sent")], [], token, 7)
    assert close([result(ids[0], broadcast, "failed"), result(ids[1], broadcast, "failed")], [], token, 7) == 1
    assert [row.state for row in factories.deliveries("email")][:2] == ["sent", "failed"]


def test_a_try_that_does_not_count_is_given_back(leased):
    broadcast, token, ids = leased
    close([result(ids[0], broadcast, "queued", spent=False, delay=0)], [], token, 7)
    row = factories.deliveries("email")[0]
    assert (row.state, row.attempt_count, row.closed_at) == ("queued", 0, None)
