"""A broadcast's page: its figures, its buttons, what went wrong."""

import re
from collections.abc import Callable

import pytest

from tasks import control
from tasks.extensions import db
from tasks.models import Broadcast, BroadcastCount, Recipient, Template
from tasks.models.types import utcnow
from tasks.models.words import CANCELLED, COMPLETED, FAILED, IN_APP, PAUSED, PUSH, QUEUED, SENDING, SENT
from tests import factories
from tests.dashboard.admin.browsing import Browser, words
from tests.dashboard.admin.story import delivery, notification


@pytest.fixture
def row(app) -> Broadcast:
    version = factories.template("offer").current_version
    factories.people(4)
    made = Broadcast(template_version_id=version.id, audience="all", audience_label="Everybody", state=SENDING, audience_count=4,
                     expanded_count=4, started_at=utcnow(), frozen_at=utcnow(), expanded_at=utcnow())
    db.session.add(made)
    db.session.flush()
    for number, person in enumerate(db.session.query(Recipient).order_by(Recipient.id)):
        message = notification(person, version.id, broadcast_id=made.pk)
        state = (FAILED, FAILED, SENT, QUEUED)[number]
        delivery(message, PUSH, state, broadcast_id=made.pk, reason="refused" if state == FAILED else "")
    for state, count in ((FAILED, 2), (SENT, 1)):
        db.session.add(BroadcastCount(broadcast_id=made.pk, slot=1, channel=PUSH, state=state, count=count))
    db.session.add(BroadcastCount(broadcast_id=made.pk, slot=1, channel=IN_APP, state=SENT, count=4))
    db.session.commit()
    return made


def test_the_page_adds_up(admin: Browser, row: Broadcast) -> None:
    page = words(admin.get(f"/admin/broadcasts/details/?id={row.pk}").text)

    assert "87%" in page  # seven of eight are closed
    assert "Still open 1" in page
    assert "Sent 1 Queued 1 Failed 2" in page
    assert "Push Failed 2 in the delivery log The provider refused it for good. Person 0 Person 1" in page


def test_the_script_gets_the_same_figures(admin: Browser, row: Broadcast) -> None:
    found = admin.client.get(f"/admin/broadcasts/progress/?id={row.pk}").get_json()

    assert (found["state"], found["percent"], found["open"], found["total"], found["final"]) == (SENDING, 87, 1, 8, False)
    assert [(part["state"], part["count"]) for part in found["channels"][PUSH]] == [(SENT, 1), (QUEUED, 1), (FAILED, 2)]


def test_the_buttons_do_what_they_say(admin: Browser, browse: Callable[[str], Browser], row: Broadcast) -> None:
    sender, path = browse("sender"), f"/admin/broadcasts/details/?id={row.pk}"

    def press(name: str, **more: str) -> str:
        assert sender.post(f"/admin/broadcasts/{name}/", {"id": str(row.pk), **more}).headers["Location"] == path
        db.session.expire_all()
        return row.state

    assert press("pause") == PAUSED
    assert "Resume" in words(sender.get(path).text)
    assert press("resume") == SENDING
    assert press("cancel", confirmed="yes") == CANCELLED
    page = words(sender.get(path).text)
    assert "Pause" not in page
    assert "Resume" not in page


def test_a_button_that_comes_too_late_says_so(admin: Browser, row: Broadcast) -> None:
    control.pause(row.pk, "bina@example.org")

    admin.post("/admin/broadcasts/pause/", {"id": str(row.pk)})

    page = words(admin.get(f"/admin/broadcasts/details/?id={row.pk}").text)
    assert re.search(r"bina@example.org paused it at \d\d:\d\d, \d seconds? ago. Nothing was done a second time.", page)
    assert re.search(r"Paused by bina@example.org at \d\d:\d\d 1 delivery wait", page)


def test_without_scripts_cancelling_asks_on_a_page_of_its_own(admin: Browser, row: Broadcast) -> None:
    page = admin.post("/admin/broadcasts/cancel/", {"id": str(row.pk)}).text

    assert "Cancel this broadcast for good?" in words(page)
    assert 'name="confirmed" value="yes"' in page
    db.session.expire_all()
    assert row.state == SENDING


def test_viewers_see_no_buttons_and_cancelling_asks(browse: Callable[[str], Browser], row: Broadcast) -> None:
    path = f"/admin/broadcasts/details/?id={row.pk}"

    assert "Cancel broadcast" not in browse("viewer").get(path).text
    assert 'data-confirm="Cancel this broadcast for good?"' in browse("sender").get(path).text


def test_the_list_is_filtered_by_state(admin: Browser, row: Broadcast) -> None:
    version = db.session.query(Template).one().current_version
    db.session.add(Broadcast(template_version_id=version.id, audience="all", audience_label="Once upon a time", state=COMPLETED))
    db.session.commit()

    page = words(admin.get("/admin/broadcasts/", state=COMPLETED).text)

    assert "Once upon a time" in page
    assert "Everybody" not in page


@pytest.mark.parametrize("path", ["/admin/", "/admin/broadcasts/", "/admin/broadcasts/details/?id=1"])
def test_what_a_watching_script_wants_is_loaded_once_and_before_it(admin: Browser, row: Broadcast, path: str) -> None:
    loaded = re.findall(r"""<script src="[^"]*?/([\w.-]+\.js)[^"]*" nonce="[^"]+" defer>""", admin.get(path).text)

    assert {loaded.count(name) for name in ("socket.io.min.js", "parts.js", "progress.js")} == {1}, loaded
    assert loaded.index("progress.js") > max(loaded.index("parts.js"), loaded.index("socket.io.min.js"))


def test_the_start_page_renews_its_parts_without_a_broadcast(admin: Browser) -> None:
    page = admin.get("/admin/").text

    assert page.count("js/parts.js") == 1
    assert "js/progress.js" not in page
