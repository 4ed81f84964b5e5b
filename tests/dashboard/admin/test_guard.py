"""Who sees which page: every route under /admin, for everybody."""

from collections.abc import Callable

import pytest
from flask import Flask

from tasks.extensions import db
from tasks.models import AuditEntry, Import, Operator, Segment, Webhook
from tasks.models.words import ROLES
from tests import factories
from tests.dashboard.admin.browsing import PAGE, Browser
from tests.dashboard.admin.story import tell

# The least role for each page. A page that is not here is open to nobody.
NEEDS = {
    "/admin/": "viewer", "/admin/profile/": "viewer",
    "/admin/compose/": "sender", "/admin/compose/count/": "sender", "/admin/inbox-demo/": "sender",
    "/admin/preview/people/": "editor", "/admin/test/": "sender", "/admin/test/status/": "sender",
    "/admin/broadcasts/": "viewer", "/admin/broadcasts/details/": "viewer", "/admin/broadcasts/progress/": "viewer",
    "/admin/approvals/": "viewer", "/admin/report/": "viewer",
    "/admin/proof/": "viewer", "/admin/proof/rows/": "viewer", "/admin/finish/": "sender",
    "/admin/templates/": "viewer", "/admin/templates/new/": "editor", "/admin/templates/edit/": "editor",
    "/admin/templates/versions/": "viewer", "/admin/templates/compare/": "viewer", "/admin/templates/message/": "viewer",
    "/admin/rules/": "viewer", "/admin/rules/new/": "editor", "/admin/rules/edit/": "editor",
    "/admin/segments/": "viewer", "/admin/segments/new/": "editor", "/admin/segments/edit/": "editor",
    "/admin/lists/": "viewer",
    **{f"/admin/imports/{page}": "editor" for page in ("", "new/", "show/", "progress/", "errors.csv")},
    "/admin/recipients/": "viewer", "/admin/recipients/details/": "viewer", "/admin/recipients/new/": "editor",
    "/admin/recipients/edit/": "editor",
    "/admin/devices/": "viewer", "/admin/devices/edit/": "editor",
    "/admin/notifications/": "viewer", "/admin/notifications/details/": "viewer",
    "/admin/resend/": "sender", "/admin/deliveries/html/": "viewer", "/admin/person/erase/": "admin",
    "/admin/deliveries/": "viewer", "/admin/deliveries/details/": "viewer",
    "/admin/keys/": "admin", "/admin/keys/new/": "admin",
    "/admin/webhooks/": "admin", "/admin/webhooks/new/": "admin", "/admin/webhooks/edit/": "admin",
    "/admin/webhooks/details/": "admin",
    "/admin/operators/": "admin", "/admin/operators/new/": "admin", "/admin/operators/edit/": "admin",
    "/admin/audit/": "viewer", "/admin/audit/details/": "viewer",
}
WRITES = {
    "/admin/profile/about/": "viewer", "/admin/profile/theme/": "viewer", "/admin/profile/password/": "viewer",
    "/admin/compose/": "sender", "/admin/compose/review/": "sender", "/admin/compose/send/": "sender",
    "/admin/broadcasts/pause/": "sender", "/admin/broadcasts/resume/": "sender", "/admin/broadcasts/cancel/": "sender",
    "/admin/broadcasts/undo/": "sender", "/admin/report/failed/": "viewer",
    **{f"/admin/approvals/{act}/": "sender" for act in ("approve", "reject", "again")},
    "/admin/finish/start/": "sender", "/admin/inbox-demo/ring/": "sender",
    **{f"/admin/{page}/new/": "editor" for page in ("templates", "rules", "segments", "recipients")},
    **{f"/admin/{page}/edit/": "editor" for page in ("templates", "rules", "segments", "recipients", "devices")},
    **{f"/admin/{page}/delete/": "editor" for page in ("rules", "segments", "devices")},
    **{f"/admin/preview/{what}": "editor" for what in ("", "mail/", "audience/")},
    **{f"/admin/templates/{act}/": "editor" for act in ("check", "try", "restore")}, "/admin/rules/ring/": "editor",
    "/admin/test/send/": "sender", "/admin/profile/tests/": "sender", "/admin/deliveries/csv/": "viewer",
    "/admin/resend/send/": "sender",
    **{f"/admin/segment-look/{what}": "editor" for what in ("", "change/", "overlap/")},
    **{f"/admin/lists/{act}/": "editor" for act in ("add", "remove")},
    **{f"/admin/imports/{act}/": "editor" for act in ("upload", "check", "reread", "write", "cancel")},
    "/admin/person/preferences/": "editor", "/admin/person/export/": "editor", "/admin/person/erase/": "admin",
    "/admin/devices/switch/": "editor",
    "/admin/keys/new/": "admin", "/admin/keys/revoke/": "admin", "/admin/keys/rotate/": "admin",
    **{f"/admin/webhooks/{act}/": "admin" for act in ("new", "edit", "delete", "rotate", "test", "replay")},
    "/admin/operators/new/": "admin", "/admin/operators/edit/": "admin",
    "/admin/audit/restore/": "viewer",  # the role depends on what is put back, see test_audit.py
}
REFUSED = 403


@pytest.fixture
def rows(app: Flask) -> None:
    """One row of everything, so that details and forms have something to show."""
    _write_rows()


def _write_rows() -> None:
    factories.template(), factories.rule()
    factories.person(tokens=["a-device-token"], email="asha@example.test")
    db.session.add(Webhook(url="https://shop.example.org/"))
    db.session.add(Segment(slug="a-list", name="A list"))
    db.session.add(Import(file_name="people.csv", size=3, encoding="utf-8-sig", delimiter=",", columns=[["id", "id", "auto"]]))
    db.session.commit()
    tell()


def paths(app: Flask, method: str) -> list[str]:
    """Every address under /admin that answers `method`."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin/") and "static" not in rule.rule]
    return sorted({rule.rule.replace("<export_type>", "csv") for rule in rules if method in (rule.methods or ())})


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_the_pages_of_the_table_and_no_other(
    app: Flask, browse: Callable[[str], Browser], role: str, rows: None
) -> None:
    browser = browse(role)
    for path in paths(app, "GET"):
        answer = browser.get(path, id=1, number=1, audience="all")
        need = NEEDS.get(path)
        open_to_role = need is not None and ROLES.index(role) >= ROLES.index(need)

        assert (answer.status_code == 200) is open_to_role, f"{path} answers {answer.status_code} to {role}"
        if not open_to_role:
            assert answer.status_code in {REFUSED, 404}


def test_every_page_opens_on_both_databases(any_app: Flask) -> None:
    _write_rows()
    browser = Browser(any_app, "admin")
    for path in NEEDS:
        assert browser.get(path, id=1, number=1, audience="all").status_code == 200, path


@pytest.mark.parametrize("role", ROLES)
def test_no_form_is_taken_from_a_role_below_the_table(
    app: Flask, browse: Callable[[str], Browser], role: str, rows: None
) -> None:
    browser = browse(role)
    for path in paths(app, "POST"):
        need = WRITES.get(path)
        if need is None or ROLES.index(role) < ROLES.index(need):
            assert browser.post(f"{path}?id=1", {"id": "1"}).status_code in {REFUSED, 404}, path


def test_no_form_is_taken_without_the_token(app: Flask, admin: Browser, rows: None) -> None:
    before = db.session.query(AuditEntry).count()
    for path in paths(app, "POST"):
        for token in (None, "another's"):
            answer = admin.post(f"{path}?id=1", {"id": "1", "confirmed": "yes", "name": "changed"}, token=token)
            assert answer.status_code == 400, path

    assert db.session.query(AuditEntry).count() == before


def test_a_stranger_is_led_to_the_login_and_back(app: Flask, browse: Callable[[str | None], Browser]) -> None:
    stranger = browse(None)
    for path in paths(app, "GET"):
        answer = stranger.get(f"{path}?id=1")
        if path.startswith("/admin/") and answer.status_code != REFUSED:
            assert answer.headers["Location"].startswith("/login/?next=%2Fadmin%2F"), path


def test_a_script_of_a_stranger_gets_401(app: Flask) -> None:
    assert app.test_client().get("/admin/broadcasts/progress/?id=1").status_code == 401


def test_an_operator_who_was_switched_off_is_out_at_once(admin: Browser) -> None:
    assert admin.get("/admin/").status_code == 200
    db.session.query(Operator).filter_by(email=admin.email).one().is_active = False
    db.session.commit()

    assert admin.client.get("/admin/", headers=PAGE).status_code == 302
