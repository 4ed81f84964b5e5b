"""The other processes of an installation, and when this one may not run beside them."""

import os
import socket
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, update

from tasks import neighbours
from tasks.errors import ConfigurationError
from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Process
from tasks.models.types import utcnow

REDIS = {"message_queue_url": "redis://127.0.0.1:1/0"}


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, object]:
    return getattr(request, "param", {})


def elsewhere(kind: str, silent_for: float = 0) -> None:
    """A process on another host, heard of so many seconds ago."""
    heard = utcnow() - timedelta(seconds=silent_for)
    row = {"kind": kind, "host": "far-away", "boot_id": "b", "pid": 7, "started_at": heard, "heartbeat_at": heard}
    db.session.execute(insert(Process).values(row))
    db.session.commit()


def test_this_process_is_not_its_own_neighbour(any_app: Flask) -> None:
    processes.register("web")

    assert neighbours.alive(("web",)) == []


def test_one_elsewhere_counts_while_it_is_heard_of(any_app: Flask) -> None:
    elsewhere("web")
    elsewhere("worker", silent_for=120)

    assert neighbours.alive(("web", "worker")) == [neighbours.Neighbour("web", "far-away", 7)]
    assert neighbours.alive(neighbours.SENDING) == []


def test_one_on_this_host_counts_while_its_pid_runs(app: Flask) -> None:
    processes.register("web")
    db.session.execute(update(Process).values(pid=os.getppid(), started_ticks=processes._started_ticks(os.getppid())))
    db.session.commit()

    assert neighbours.alive(("web",)) == [neighbours.Neighbour("web", socket.gethostname(), os.getppid())]

    db.session.execute(update(Process).values(started_ticks="1"))  # the pid was given to another program since
    db.session.commit()

    assert neighbours.alive(("web",)) == []


def test_deaf_company_is_refused_with_the_remedy(any_app: Flask) -> None:
    elsewhere("embedded")

    neighbours.refuse_deaf(("worker",))
    with pytest.raises(ConfigurationError, match="pid 7 on far-away") as caught:
        neighbours.refuse_deaf(neighbours.SERVING)

    assert caught.value.field == "CARILLON_MESSAGE_QUEUE_URL"
    assert "redis://" in caught.value.remedy


@pytest.mark.parametrize("settings", [REDIS], indirect=True)
def test_with_a_message_queue_any_company_is_welcome(app: Flask) -> None:
    elsewhere("embedded")

    neighbours.refuse_deaf(neighbours.SERVING)
