"""What is no broadcast passes those that are: it waits neither for their rows nor for their connections."""

import threading

import pytest

from tasks import jobs
from tasks.broadcasts import create
from tasks.expand import expand
from tasks.options import SendOptions
from tasks.send import notify
from tests import factories
from tests.chaos.processes import until
from tests.peers.smtp_sink import SmtpSink


@pytest.fixture
def sink(tmp_path):
    """A mail server that takes for ever over each mail to slow@, until its `delay` is lowered."""
    with SmtpSink(tmp_path / "accepted.log") as running:
        running.delay = 60.0
        yield running


@pytest.fixture
def settings(sink):
    return {"smtp_url": f"smtp://127.0.0.1:{sink.port}", "mail_from": "Bell <bell@example.test>", "smtp_connections": 2}


@pytest.fixture
def broadcast_pk(any_app):
    factories.template()
    factories.rule()
    factories.people(100, email="slow@example.test")
    pk = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(pk, lambda: False, lambda channels: None)
    return pk


def test_a_single_message_passes_a_broadcast_whose_hand_over_is_stuck(any_app, broadcast_pk, sink):
    factories.person("42000", email="quick@example.test")

    def serve():
        with any_app.app_context():
            jobs.deliver_channel.call_local("email")

    broadcasting = threading.Thread(target=serve)
    broadcasting.start()
    try:
        until(lambda: len(sink.received) == 2, 30)  # both of its connections wait for an answer
        notify("42000", "payment_success", async_send=True, amount=2)
        jobs.deliver_singles.call_local("email")
        assert [mail.recipients for mail in sink.received] == [["slow@example.test"]] * 2 + [["quick@example.test"]]
        states = {(row.broadcast_id, row.state) for row in factories.deliveries("email")}
        assert states == {(broadcast_pk, "sending"), (broadcast_pk, "queued"), (None, "sent")}
    finally:
        jobs.stopping.set()
        sink.delay = 0.0
        sink.hang_up()
        broadcasting.join(30)
        jobs.stopping.clear()
    assert not broadcasting.is_alive()


def test_two_broadcasts_take_turns(any_app, broadcast_pk, sink):
    sink.delay = 0.0
    second = create("all", "payment_success", {"amount": 1}, SendOptions())
    expand(second, lambda: False, lambda channels: None)
    jobs._round("email")
    sent = {row.broadcast_id for row in factories.deliveries("email") if row.state == "sent"}
    assert sent == {broadcast_pk, second}


def test_no_more_than_two_broadcasts_of_a_process_are_expanded_at_once(any_app, broadcast_pk):
    third = create("all", "payment_success", {"amount": 1}, SendOptions())
    for _ in range(jobs.EXPANDING):
        assert jobs._expanding.acquire(blocking=False)
    try:
        jobs.expand_broadcast.call_local(third)
        assert {row.broadcast_id for row in factories.deliveries()} == {broadcast_pk}
    finally:
        for _ in range(jobs.EXPANDING):
            jobs._expanding.release()
    jobs.expand_broadcast.call_local(third)
    assert {row.broadcast_id for row in factories.deliveries()} == {broadcast_pk, third}
