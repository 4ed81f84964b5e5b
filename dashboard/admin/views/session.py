"""Signing in and out."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard import audit, auth
from dashboard.admin.display.times import is_zone
from dashboard.operators import verify
from tasks.extensions import db

pages = Blueprint("session", __name__)
REFUSED = "The e-mail or the password is wrong, or there were too many tries: then wait a minute."


@pages.route("/")
@auth.public
def start() -> ResponseReturnValue:
    """The site's own address leads to the dashboard."""
    return redirect(url_for("admin.index"))


@pages.route(auth.LOGIN_PATH, methods=("GET", "POST"))
@auth.public
def enter() -> ResponseReturnValue:
    """The sign-in form. Every refusal reads the same."""
    target = auth.safe_next(request.values.get("next"))
    if request.method == "GET":
        return redirect(target) if current_user.is_authenticated else render_template("login.html", target=target, email="")
    email = request.form.get("email", "")
    row = verify(email, request.form.get("password", ""))
    if row is None:
        return render_template("login.html", target=target, email=email, refused=REFUSED), 401
    zone = request.form.get("timezone", "")
    if not row.timezone and zone and is_zone(zone):
        row.timezone = zone  # the browser's own, until they choose another one
    audit.record("login", "operator", row.id, {}, actor=row.email)
    db.session.commit()
    auth.sign_in(row)
    return redirect(target)


@pages.route("/logout/", methods=("POST",))
@auth.operator("viewer")
def leave() -> ResponseReturnValue:
    """Sign out, everywhere."""
    auth.sign_out()
    return redirect(auth.LOGIN_PATH)
