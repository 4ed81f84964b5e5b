"""The operator's own page: name, time zone, colours, keys, password."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard import audit, auth
from dashboard.admin.display.changes import differences, snapshot
from dashboard.admin.display.labels import ROLE_WORDS
from dashboard.admin.display.times import is_zone, zone_names
from dashboard.admin.guard import Page, at
from dashboard.operators import check_password, set_password, verify
from tasks.errors import InvalidOption
from tasks.extensions import db
from tasks.models import Operator

OWN = ("name", "timezone")
# How the dashboard looks and listens is nobody else's matter, and not in the audit.
THEMES = {"": "As the system", "light": "Light", "dark": "Dark"}


class Profile(Page):
    """What everybody may change about their own account."""

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The page."""
        return self._page({}, {"name": current_user.name, "timezone": current_user.timezone})

    @at("/about/", methods=("POST",))
    def about(self) -> ResponseReturnValue:
        """Change name, time zone, colours and whether single keys are shortcuts."""
        values = {name: request.form.get(name, "").strip()[:200] for name in OWN}
        if values["timezone"] and not is_zone(values["timezone"]):
            return self._page({"timezone": "There is no such zone. Choose one of the list, like Asia/Kathmandu."}, values), 422
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

    @at("/password/", methods=("POST",))
    def password(self) -> ResponseReturnValue:
        """Change the password: every other session ends, this one goes on."""
        values = {"name": current_user.name, "timezone": current_user.timezone}
        errors = _password_errors()
        if errors:
            return self._page(errors, values), 422
        row = self._own()
        set_password(row, request.form["new"])
        auth.sign_in(row)
        flash("Changed your password. Other sessions have ended.", "success")
        return redirect(url_for("admin_profile.index"))

    def _own(self) -> Operator:
        return db.session.get_one(Operator, current_user.operator_id)

    def _page(self, errors: dict[str, str], values: dict[str, Any]) -> str:
        return str(self.render(
            "admin/profile.html", errors=errors, values=values, zones=zone_names(), themes=THEMES,
            role_words=ROLE_WORDS[current_user.role],
        ))


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
