"""The operator's own page: name, time zone, colours, keys, password."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from dashboard import audit, auth
from dashboard.admin.display.changes import differences, snapshot
from dashboard.admin.display.labels import ROLE_WORDS
from dashboard.admin.display.times import is_zone, zone_names
from dashboard.admin.guard import Page, at
from dashboard.operators import check_password, set_password, verify
from tasks.audience.addresses import normal_email, normal_phone
from tasks.config import settings
from tasks.errors import CarillonError, InvalidOption
from tasks.extensions import db
from tasks.models import Operator, Segment
from tasks.trial import MOST as MOST_TESTED

OWN = ("name", "timezone")
# How the dashboard looks and listens is nobody else's matter, and not in the audit.
THEMES = {"": "As the system", "light": "Light", "dark": "Dark"}
OF_TESTS = ("test_email", "test_phone", "test_group")
MOST = 500  # segments offered


class Profile(Page):
    """What everybody may change about their own account."""

    needs = {"tests": "sender"}

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The page."""
        return self._page({}, self._values())

    @at("/about/", methods=("POST",))
    def about(self) -> ResponseReturnValue:
        """Change name, time zone, colours and whether single keys are shortcuts."""
        values = {name: request.form.get(name, "").strip()[:200] for name in OWN}
        if values["timezone"] and not is_zone(values["timezone"]):
            errors = {"timezone": "There is no such zone. Choose one of the list, like Asia/Kathmandu."}
            return self._page(errors, {**self._values(), **values}), 422
        row = self._own()
        before = snapshot(row, OWN)
        row.name, row.timezone = values["name"], values["timezone"]
        theme = request.form.get("theme", "")
        row.theme, row.shortcuts = theme if theme in THEMES else "", "shortcuts" in request.form
        changes = differences(before, snapshot(row, OWN))
        if changes:
            audit.record("update", "operator", row.id, changes)
        db.session.commit()
        flash("Saved your profile.", "success")
        return redirect(url_for("admin_profile.index"))

    @at("/theme/", methods=("POST",))
    def theme(self) -> ResponseReturnValue:
        """Keep the colours that the switch beside the menu was set to."""
        wanted = request.form.get("theme", "")
        if wanted not in THEMES:
            raise InvalidOption("There are no such colours.", field="theme", remedy="Give light, dark or nothing.")
        self._own().theme = wanted
        db.session.commit()
        return "", 204

    @at("/tests/", methods=("POST",))
    def tests(self) -> ResponseReturnValue:
        """Change where test sends go."""
        given = {name: request.form.get(name, "").strip()[:320] for name in OF_TESTS}
        values, errors = _addresses(given)
        if errors:
            return self._page(errors, {**self._values(), **given}), 422
        row = self._own()
        before = snapshot(row, OF_TESTS)
        for name, value in values.items():
            setattr(row, name, value)
        changes = differences(before, snapshot(row, OF_TESTS))
        if changes:
            audit.record("update", "operator", row.id, changes)
        db.session.commit()
        flash("Saved where your test sends go.", "success")
        return redirect(url_for("admin_profile.index", _anchor="test-sends"))

    @at("/password/", methods=("POST",))
    def password(self) -> ResponseReturnValue:
        """Change the password: every other session ends, this one goes on."""
        errors = _password_errors()
        if errors:
            return self._page(errors, self._values()), 422
        row = self._own()
        set_password(row, request.form["new"])
        auth.sign_in(row)
        flash("Changed your password. Other sessions have ended.", "success")
        return redirect(url_for("admin_profile.index"))

    def _own(self) -> Operator:
        return db.session.get_one(Operator, current_user.operator_id)

    def _values(self) -> dict[str, Any]:
        row = self._own()
        return {name: getattr(row, name) for name in (*OWN, *OF_TESTS)}

    def _page(self, errors: dict[str, str], values: dict[str, Any]) -> str:
        groups = list(db.session.scalars(select(Segment).order_by(Segment.name).limit(MOST))) if auth.allowed("sender") else []
        return str(self.render(
            "admin/profile.html", errors=errors, values=values, zones=zone_names(), themes=THEMES,
            role_words=ROLE_WORDS[current_user.role], groups=groups, most=MOST_TESTED,
        ))


def _addresses(given: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The addresses and the group as they are kept, and what is wrong with them by field."""
    values, errors = dict(given), {}
    for name, check in (("test_email", _email), ("test_phone", _phone), ("test_group", _group)):
        try:
            values[name] = check(given[name], name) if given[name] else ""
        except CarillonError as error:
            errors[name] = str(error)
    return values, errors


def _email(value: str, field: str) -> str:
    return normal_email(value, field)


def _phone(value: str, field: str) -> str:
    return normal_phone(value, settings().default_region, field)


def _group(value: str, field: str) -> str:
    if db.session.scalar(select(Segment.id).where(Segment.slug == value)) is None:
        raise InvalidOption("There is no such segment.", field=field, remedy="Choose one of the list.")
    return value


def _password_errors() -> dict[str, str]:
    new, again = request.form.get("new", ""), request.form.get("again", "")
    try:
        check_password(new)
    except InvalidOption as error:
        return {"new": str(error)}
    if new != again:
        return {"again": "This is not the same as above."}
    if verify(current_user.email, request.form.get("current", "")) is None:
        return {"current": "This is not your password."}
    return {}
