"""Idempotency: one winner among many, and the same answer for all."""

import threading

import pytest

from tasks.entries import SendRequest
from tasks.errors import IdempotencyConflict
from tasks.options import SendOptions
from tasks.send import broadcast, notify, notify_bulk, submit
from tests import factories


def test_many_parallel_calls_with_one_key_make_one_notification(any_app):
    factories.template()
    factories.person("42")
    found, errors = [], []

    def call():
        with any_app.app_context():
            try:
                options = SendOptions(idempotency_key="k", body_hash="h")
                found.append(submit([SendRequest("42")], "payment_success", {"amount": 1}, options, now=False)[0].notification_id)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(found) == 16
    assert len(set(found)) == 1
    assert len(factories.notifications()) == 1


def test_a_bulk_gives_its_whole_answer_again_errors_too(app):
    factories.template()
    factories.people(2)
    options = SendOptions(idempotency_key="bulk")
    first, second = (notify_bulk(["0", "nobody", "1"], "payment_success", options=options, amount=1) for _ in range(2))
    assert [getattr(answer, "notification_id", None) for answer in first.answers] == [
        getattr(answer, "notification_id", None) for answer in second.answers
    ]
    assert second.failures == first.failures
    assert len(factories.notifications()) == 2


def test_a_broadcast_is_made_once(app):
    factories.template()
    options = SendOptions(idempotency_key="b", body_hash="1")
    assert broadcast("all", "payment_success", options=options, amount=1).pk == broadcast(
        "all", "payment_success", options=options, amount=1
    ).pk
    with pytest.raises(IdempotencyConflict):
        broadcast("all", "payment_success", options=SendOptions(idempotency_key="b", body_hash="2"), amount=2)


def test_keys_of_different_scopes_do_not_meet(app):
    factories.template()
    factories.person("42")
    for scope in ("a", "b"):
        notify("42", "payment_success", options=SendOptions(idempotency_key="k", idempotency_scope=scope), amount=1)
    assert len(factories.notifications()) == 2
