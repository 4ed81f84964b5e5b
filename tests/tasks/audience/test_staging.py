"""Copying the outside source for a broadcast: every page once, each with its cursor, across a crash and a source that is away."""

import json

import pytest
from sqlalchemy import insert, select, update

from tasks.audience import recipients, segments, staging
from tasks.config import settings as current_settings
from tasks.database import reading, writing
from tasks.models import Broadcast, Template, TemplateVersion
from tasks.models.words import EXPANDING, FAILED
from tests.peers.user_source import UserSource, send

PAGES = {
    "/users": {"recipients": [{"id": n, "email": f"p{n}@example.test", "shop_rank": n} for n in range(3)], "next": "two"},
    "/users?page=two": {"recipients": [{"id": 2}, {"id": 3}, {"email": "no id"}, {"id": 4, "email": "nope"}], "next": "three"},
    "/users?page=three": {"recipients": ["1", "nobody", {"id": 5}], "next": None},
}


@pytest.fixture
def source(any_app, monkeypatch):
    """A source with three pages; `away` names the statuses it answers before each right answer."""

    def answer(handler):
        if server.away:
            send(handler, b"", server.away.pop(0))
        else:
            send(handler, json.dumps(PAGES[handler.path]).encode())

    with UserSource(answer) as server:
        server.away = []
        monkeypatch.setattr(current_settings(), "user_source_url", server.url)
        monkeypatch.setattr(staging, "PATIENCE", (0.0, 0.0))
        yield server


@pytest.fixture
def broadcast(any_app):
    with writing() as connection:
        template = {"slug": "t", "name": "T", "notification_type": "offer"}
        template_id = connection.execute(insert(Template).values(template).returning(Template.id)).scalar_one()
        text = {"template_id": template_id, "number": 1, "notification_type": "offer", "title": "T", "message": "M"}
        version = connection.execute(insert(TemplateVersion).values(text).returning(TemplateVersion.id)).scalar_one()
        row = {"template_version_id": version, "audience": {"source": "http"}, "state": EXPANDING}
        row["audience_definition"] = segments.resolve_audience({"source": "http"}, "offer").definition
        return connection.execute(insert(Broadcast).values(row).returning(Broadcast.pk)).scalar_one()


def state(broadcast):
    with reading() as connection:
        columns = (Broadcast.state, Broadcast.source_cursor, Broadcast.detail)
        return connection.execute(select(*columns).where(Broadcast.pk == broadcast)).one()


def members(broadcast):
    where = segments.condition({"source": "http"}, "offer", broadcast_pk=broadcast)
    with reading() as connection:
        return [person.external_id for person in recipients.page(connection, where, 0, 100, "offer")]


def test_every_page_is_copied_once_and_bad_entries_stop_nobody(source, broadcast):
    assert staging.copy(broadcast, lambda: False) is True
    assert sorted(members(broadcast)) == ["0", "1", "2", "3", "5"]
    assert [path for path, _headers in source.asked] == list(PAGES)
    assert state(broadcast)[:2] == (EXPANDING, "")
    assert staging.copy(broadcast, lambda: False) is True
    assert len(source.asked) == 3


def test_a_copy_that_was_interrupted_goes_on_where_it_stopped(source, broadcast):
    steps = iter([False, True])
    assert staging.copy(broadcast, lambda: next(steps)) is False
    assert state(broadcast).source_cursor == "two"
    assert staging.copy(broadcast, lambda: False) is True
    assert [path for path, _headers in source.asked] == list(PAGES)
    assert sorted(members(broadcast)) == ["0", "1", "2", "3", "5"]


def test_a_source_that_is_away_for_a_moment_is_asked_again(source, broadcast):
    source.away = [503, 500]
    assert staging.copy(broadcast, lambda: False) is True
    assert len(source.asked) == 5


@pytest.mark.parametrize("away", [[503, 503, 503], [401]])
def test_a_source_that_stays_away_or_refuses_fails_the_broadcast_in_words(source, broadcast, away):
    source.away = list(away)
    assert staging.copy(broadcast, lambda: False) is False
    found = state(broadcast)
    assert found.state == FAILED
    assert str(away[0]) in found.detail
    assert len(source.asked) == len(away)
    assert members(broadcast) == []


def test_a_broadcast_that_is_paused_meanwhile_is_left_alone(source, broadcast):
    with writing() as connection:
        connection.execute(update(Broadcast).where(Broadcast.pk == broadcast).values(state="paused"))
    assert staging.copy(broadcast, lambda: False) is False
    assert source.asked == []
