"""Who may call what. Deny by default: a view that does not say who may call it is closed to everyone.

Every view carries `__carillon_access__`, set by one of the decorators here. A Flask-Admin view is a method of a class;
its class carries `__carillon_access__ = CHECKED_BY_VIEW` and does the checking in `is_accessible`.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import flask_login
from flask import Flask, current_app, g, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFProtect

from dashboard import keys, signatures, spending, tokens
from tasks.errors import InvalidToken, NotAllowed, Unauthenticated
from tasks.extensions import db
from tasks.models import ApiKey, Operator
from tasks.models.words import ROLES, SCOPES

View = TypeVar("View", bound=Callable[..., Any])

LOGIN_PATH = "/login/"
IDLE, ABSOLUTE = 30 * 60, 12 * 3600  # seconds a session lives without a request, and in all
IDENTITY = re.compile(r"(\d{1,9}):(\d{1,9})")
STATIC = frozenset({"static", "admin.static", "docs.static"})  # files that anyone may read

csrf = CSRFProtect()
uploads: dict[str, int] = {}  # endpoint: bytes that a signed-in operator may send there, where that is more than elsewhere


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a view: anyone, an operator of at least role `need`, a key with scope `need`; or it decides."""

    kind: Literal["public", "operator", "key", "signed", "view"]
    need: str = ""
    or_person: bool = False  # beside a key: the person themselves, with a subscriber token


PUBLIC = Access("public")
CHECKED_BY_VIEW = Access("view")  # a signed-in operator; the view's class asks for more


def public(view: View) -> View:
    """Anyone may call this view."""
    return _declare(view, PUBLIC)


def operator(role: str) -> Callable[[View], View]:
    """A signed-in operator of at least `role` (words.ROLES, in rising order) may call this view."""
    if role not in ROLES:
        raise ValueError(f"no such role: {role}")
    return lambda view: _declare(view, Access("operator", role))


def api_key(scope: str) -> Callable[[View], View]:
    """The bearer of a key with `scope` (words.SCOPES) may call this view, cookies or not; `g.api_key` is the key."""
    if scope not in SCOPES:
        raise ValueError(f"no such scope: {scope}")
    return lambda view: _declare(view, Access("key", scope))


def signed(view: View) -> View:
    """Whoever signs the request with the receipts' secret may call this view."""
    return _declare(view, Access("signed"))


def inbox_access(view: View) -> View:
    """A key with the scope inbox may call this view, or a person: `g.person` is then whose inbox the token opens."""
    return _declare(view, Access("key", "inbox", or_person=True))


def access_of(endpoint: str | None) -> Access | None:
    """What an endpoint declares, or None where it declares nothing (and is closed)."""
    if endpoint in STATIC:
        return PUBLIC
    view = current_app.view_functions.get(endpoint or "")
    of_class = getattr(getattr(view, "__self__", None), "__carillon_access__", None)
    found = getattr(view, "__carillon_access__", None) or of_class
    return found if isinstance(found, Access) else None


def allowed(role: str) -> bool:
    """True where the signed-in operator has at least `role`. Without anyone signed in: False."""
    return bool(current_user.is_authenticated) and ROLES.index(current_user.role) >= ROLES.index(role)


def insist(role: str) -> None:
    """Raise NotAllowed unless the signed-in operator has at least `role`."""
    if not allowed(role):
        raise NotAllowed(f"This needs the role {role}.", remedy="Ask an administrator for that role.")


class SignedIn(UserMixin):  # type: ignore[misc]
    """The operator of this request (`current_user`): plain values, so that no database session hangs on it."""

    def __init__(self, row: Operator) -> None:
        self.operator_id = row.id
        self.email = row.email
        self.name = row.name
        self.role = row.role
        self.timezone = row.timezone
        self.theme = row.theme
        self.shortcuts = row.shortcuts
        self.epoch = row.session_epoch

    def get_id(self) -> str:
        """What the session keeps: the account and its epoch, so that raising the epoch ends every session."""
        return f"{self.operator_id}:{self.epoch}"


def sign_in(row: Operator) -> None:
    """Start a new session for an operator whom `operators.verify` returned. What the old session held is dropped."""
    session.clear()
    session["since"] = session["seen"] = int(time.time())
    flask_login.login_user(SignedIn(row))


def sign_out() -> None:
    """End the session here and everywhere: a copied cookie is worth nothing afterwards."""
    if current_user.is_authenticated:
        row = db.session.get(Operator, current_user.operator_id)
        if row is not None:
            row.session_epoch += 1
            db.session.commit()
    flask_login.logout_user()
    session.clear()


def init_auth(app: Flask) -> None:
    """Set up sessions, CSRF and the check that stands before every view."""
    manager = LoginManager()
    manager.session_protection = None  # it trusts X-Forwarded-For as sent; our sessions end on time and on sign-out
    manager.user_loader(_load_operator)
    manager.unauthorized_handler(_to_login)
    manager.init_app(app)
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # checked below, for everything that a cookie could authorise
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session
    app.before_request(_guard)
    spending.init_spending(app)
    csrf.init_app(app)
    app.jinja_env.globals["allowed"] = allowed


def _declare(view: View, access: Access) -> View:
    view.__carillon_access__ = access  # type: ignore[attr-defined]
    return view


def _guard() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # no such address or method: Flask answers 404 or 405
    access = access_of(request.endpoint)
    if access is None:
        raise NotAllowed("This address does not say who may call it, so nobody may.")
    if access.kind == "key":
        g.person = _person() if access.or_person else None
        if g.person is None:
            g.api_key = _require_key(access.need)
        spending.spend()
        return None
    if access.kind == "signed":
        signatures.check_request()
        return None
    if access.kind in {"operator", "view"} and not current_user.is_authenticated:
        return _to_login()
    if access.kind == "operator":
        insist(access.need)
    request.max_content_length = uploads.get(request.endpoint, request.max_content_length)  # before the form is read
    csrf.protect()
    return None


def _person() -> str | None:
    """Whose token the request carries; None where it carries something else. Raises InvalidToken."""
    kind, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip() or token.strip().startswith("crl_"):
        return None
    try:
        return tokens.verify(token.strip()).subject
    except InvalidToken as error:
        error.field = "Authorization"
        raise


def _require_key(scope: str) -> ApiKey:
    kind, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "This address needs an API key.", field="Authorization",
            remedy="Send the header `Authorization: Bearer crl_...`.",
        )
    key = keys.find_key(token.strip())
    if key is None:
        raise Unauthenticated(
            "The API key is unknown, expired or switched off.", field="Authorization",
            remedy="Make a new one in the dashboard or with `carillon key create`.",
        )
    if scope not in key.scopes:
        raise NotAllowed(
            f"The key {key.prefix} does not have the scope {scope}.", field="Authorization",
            remedy=f"Use a key with the scope {scope}.",
        )
    return key


def _load_operator(identity: str) -> SignedIn | None:
    now = int(time.time())
    if now - session.get("seen", 0) > IDLE or now - session.get("since", 0) > ABSOLUTE:
        return None
    known = IDENTITY.fullmatch(str(identity))
    row = db.session.get(Operator, int(known[1])) if known else None
    if known is None or row is None or not row.is_active or row.session_epoch != int(known[2]):
        return None
    if now - session["seen"] > 60:  # not on every request: each change sends the cookie again
        session["seen"] = now
    return SignedIn(row)


def safe_next(target: str | None) -> str:
    """Where to go after signing in: `target` where it is an address of this site, else the start page."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or any(ord(c) < 32 for c in target):
        return "/"
    return target


def _to_login() -> ResponseReturnValue:
    """Browsers go to the login page and come back; a script gets 401."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise Unauthenticated("Nobody is signed in.", remedy="Sign in first.")
    if request.method != "GET":
        return redirect(LOGIN_PATH)
    return redirect(f"{LOGIN_PATH}?{urlencode({'next': request.full_path.rstrip('?')})}")
