"""The audit: who changed what, told field by field, and put back by the checks of any edit."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from dashboard import audit
from tasks.extensions import db
from tasks.models import AuditEntry, Operator, Rule, Segment, Template, Webhook
from tests import factories
from tests.dashboard.admin.browsing import Browser, words

GOLD = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}


def newest() -> AuditEntry:
    db.session.expire_all()
    return db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()


def noted(action: str, kind: str, number: object, changes: dict[str, list[object]]) -> AuditEntry:
    entry = audit.record(action, kind, number, changes, actor="asha@example.org")
    db.session.commit()
    return entry


def restore(browser: Browser, entry: AuditEntry, **fields: str):
    page = browser.get("/admin/audit/details/", id=entry.id).text
    found = re.search(r'name="seen" value="(\w+)"', page)
    return browser.post("/admin/audit/restore/", {"id": entry.id, "seen": found[1] if found else "", **fields})


def test_a_rule_gets_its_old_fields_back(any_app: Flask) -> None:
    rule, admin = factories.rule(channels=["sms"], priority=2), Browser(any_app, "editor")
    entry = noted("update", "rule", rule.id, {"channels": [["email"], ["sms"]], "priority": [5, 2]})

    assert restore(admin, entry).status_code == 302

    db.session.expire_all()
    assert (rule.channels, rule.priority) == (["email"], 5)
    assert (newest().action, newest().changes) == (
        "restore", {"channels": [["sms"], ["email"]], "priority": [2, 5], "entry": [None, entry.id]}
    )
    assert restore(admin, newest()).status_code == 302  # what was restored can be taken back the same way
    db.session.expire_all()
    assert (rule.channels, rule.priority) == (["sms"], 2)


def test_a_template_gets_a_new_version_with_the_old_text(admin: Browser) -> None:
    text = {"name": "Offer", "slug": "offer", "notification_type": "offer", "title": "Ten", "is_active": "y"}
    admin.post("/admin/templates/new/", {**text, "message": "Buy ten."})
    row = db.session.query(Template).one()
    admin.post(f"/admin/templates/edit/?id={row.id}", {**text, "message": "Buy twenty.", "based_on": "1"})
    entry = newest()
    page = admin.get("/admin/audit/details/", id=entry.id).text
    assert re.search(r"<del>ten</del>.*<ins>twenty</ins>", page, flags=re.S), "the words that differ are marked"

    restore(admin, entry)

    db.session.expire_all()
    assert (row.current_version.number, row.current_version.message) == (3, "Buy ten.")
    assert newest().changes["version"] == [2, 3]


def test_what_was_deleted_is_made_anew(admin: Browser) -> None:
    rule = factories.rule(channels=["push"], expires_after=600)
    admin.post("/admin/rules/delete/", {"id": rule.id, "confirmed": "yes"})
    db.session.add(Segment(slug="gold", name="Gold", definition=GOLD))
    db.session.commit()
    entry = db.session.query(AuditEntry).filter_by(action="delete").one()

    restore(admin, entry)

    (made,) = db.session.query(Rule)
    assert (made.notification_type, made.channels, made.expires_after) == ("payment_success", ["push"], 600)
    assert "Another one has its name" in admin.get(restore(admin, entry).headers["Location"]).text


def test_a_definition_of_a_segment_comes_back_checked(admin: Browser) -> None:
    segment = Segment(slug="gold", name="Gold", definition={"combinator": "or", "rules": []})
    db.session.add(segment)
    db.session.commit()
    good = noted("update", "segment", segment.id, {"definition": [GOLD, segment.definition]})
    broken = noted("update", "segment", segment.id, {"definition": [{"combinator": "xor"}, segment.definition]})

    assert "Nothing was changed." in admin.get(restore(admin, broken).headers["Location"]).text
    restore(admin, good)

    db.session.expire_all()
    assert segment.definition == GOLD


def test_the_last_administrator_stays_one_whatever_is_restored(admin: Browser, browse: Callable[[str], Browser]) -> None:
    browse("sender")
    other = db.session.query(Operator).filter_by(role="sender").one()
    mine = db.session.query(Operator).filter_by(role="admin").one()
    theirs = noted("update", "operator", other.id, {"role": ["editor", "sender"]})
    own = noted("update", "operator", mine.id, {"role": ["viewer", "admin"]})

    restore(admin, theirs)
    assert "This is your own account." in admin.get(restore(admin, own).headers["Location"]).text

    db.session.expire_all()
    assert (other.role, mine.role) == ("editor", "admin")


def test_a_webhook_is_switched_on_again(admin: Browser) -> None:
    hook = Webhook(url="https://shop.example.org/", is_active=False, off_reason="It answered 500.")
    db.session.add(hook)
    db.session.commit()

    restore(admin, noted("update", "webhook", hook.id, {"is_active": [True, False]}))

    db.session.expire_all()
    assert (hook.is_active, hook.off_reason) == (True, "")


def test_who_may_not_edit_may_not_restore(browse: Callable[[str], Browser]) -> None:
    rule = factories.rule(priority=2)
    entry = noted("update", "rule", rule.id, {"priority": [5, 2]})
    hook = noted("update", "operator", 1, {"role": ["admin", "viewer"]})

    assert restore(browse("viewer"), entry).status_code == 403
    assert restore(browse("sender"), hook, seen="x").status_code == 403
    assert "needs the role editor" in words(browse("viewer").get("/admin/audit/details/", id=entry.id).text)
    db.session.expire_all()
    assert rule.priority == 2


def test_of_two_at_once_the_second_is_told(admin: Browser) -> None:
    rule = factories.rule(priority=2)
    entry = noted("update", "rule", rule.id, {"priority": [5, 2]})
    rule.priority = 9
    db.session.commit()

    assert "Somebody changed this again since. Now: priority: 9" in words(admin.get("/admin/audit/details/", id=entry.id).text)
    answer = restore(admin, entry, seen="0123456789abcdef")

    assert "Somebody changed it while you looked." in admin.get(answer.headers["Location"]).text
    db.session.expire_all()
    assert rule.priority == 9


@pytest.mark.parametrize(("action", "kind", "changes", "why"), [
    ("revoke", "api_key", {"is_active": [True, False]}, "must not come back by a click"),
    ("update", "setting", {"value": ["1", "2"]}, "Settings are environment variables"),
    ("update", "operator", {"password": ["…", "…"]}, "secrets are never kept"),
    ("members", "segment", {"added": [None, 3]}, "Lists of people are not kept"),
    ("create", "rule", {"priority": [None, 5]}, "There is nothing to put back"),
    ("update", "rule", {"priority": [5, 2]}, "It was deleted since"),
    ("payload", "payload", {"payload": "text"}, "There is nothing to put back"),
])
def test_what_cannot_come_back_says_why(admin: Browser, action: str, kind: str, changes: dict, why: str) -> None:
    entry = noted(action, kind, "77", changes)

    page = words(admin.get("/admin/audit/details/", id=entry.id).text)

    assert why in page
    assert "Restore what was before" not in page
    assert restore(admin, entry).status_code == 302


def test_a_number_that_was_given_away_again_is_another_thing(admin: Browser) -> None:
    rule = factories.rule(priority=2)
    first = noted("update", "rule", rule.id, {"priority": [5, 2]})
    noted("delete", "rule", rule.id, {"priority": [2, None]})

    assert "It was deleted since" in admin.get("/admin/audit/details/", id=first.id).text


def test_the_list_is_narrowed_by_who_what_and_when(any_app: Flask) -> None:
    admin = Browser(any_app, "admin")
    noted("update", "rule", 1, {"priority": [5, 2]})
    audit.record("update", "setting", "CARILLON_SMS_RATE", {"value": ["0", "60"]}, actor="environment")
    db.session.commit()

    def shown(**query: str) -> list[str]:
        return re.findall(r"title=\"(update [\w ]+)\"", admin.get("/admin/audit/", **query).text)

    assert shown(actor="environment") == ["update setting"]
    assert shown(object_type="rule", action="update") == ["update rule"]
    assert shown(object_id="CARILLON_SMS_RATE") == ["update setting"]
    assert shown(until="2020-01-01T00:00") == []
