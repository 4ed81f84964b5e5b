"""Settings that a start finds changed: in the audit, once, and never a secret."""

import pytest
from flask import Flask

from dashboard.environment import note_settings, shown
from tasks.config import Settings
from tasks.extensions import db
from tasks.models import AuditEntry, SeenSetting
from tests.conftest import make_settings

SECRET = "a-secret-key-of-32-bytes-or-more"


def starts(**values: object) -> int:
    return note_settings(make_settings(secret_key=SECRET, **values))


def entries() -> list[tuple[str, str, list[str]]]:
    db.session.expire_all()
    return [(row.actor, row.object_id, row.changes["value"]) for row in db.session.query(AuditEntry)]


@pytest.mark.usefixtures("any_app")
def test_a_change_is_noted_once_with_both_values() -> None:
    assert starts(sms_rate=10) == 0  # the first start has nothing to compare with
    assert starts(sms_rate=10) == 0

    assert [starts(sms_rate=60), starts(sms_rate=60)] == [1, 0]

    assert entries() == [("environment", "CARILLON_SMS_RATE", ["10", "60"])]


def test_a_secret_is_known_to_have_changed_and_nothing_more(app: Flask) -> None:
    mail = "smtp://carillon:{}@mail.example.org"
    starts(sparrow_token="tok-one-abcdef", smtp_url=mail.format("first-pass"), admin_password="never-seen-pass")

    assert starts(sparrow_token="tok-two-abcdef", smtp_url=mail.format("second-pass"), admin_password="other-pass") == 2

    kept = str([(row.name, row.value) for row in db.session.query(SeenSetting)]) + str(entries())
    for secret in ("tok-one", "tok-two", "first-pass", "second-pass", "never-seen-pass", "other-pass", SECRET):
        assert secret not in kept
    assert "smtp://carillon:…@mail.example.org" in kept


def test_a_setting_of_a_new_version_is_a_change_from_nothing(app: Flask) -> None:
    starts()
    db.session.query(SeenSetting).filter_by(name="CARILLON_SMS_RATE").delete()
    db.session.commit()

    assert starts(sms_rate=5) == 1
    assert entries() == [("environment", "CARILLON_SMS_RATE", [None, "5"])]


def test_every_setting_is_looked_at(app: Flask) -> None:
    starts()

    unseen = {f"CARILLON_{name.upper()}" for name in Settings.model_fields} - {row.name for row in db.session.query(SeenSetting)}
    assert unseen == {"CARILLON_ADMIN_EMAIL", "CARILLON_ADMIN_PASSWORD"}


@pytest.mark.parametrize("password", ["first:second", "first@second", "first:sec@ond", ":first"])
def test_of_a_password_with_any_sign_nothing_is_kept(app: Flask, password: str) -> None:
    found = shown("smtp_url", make_settings(secret_key=SECRET, smtp_url=f"smtp://carillon:{password}@mail.example.org"))

    assert found.startswith("smtp://carillon:…@mail.example.org (")
