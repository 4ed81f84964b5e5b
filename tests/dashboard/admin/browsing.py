"""A browser without scripts: it keeps cookies, follows links it is told to follow, and sends the token that pages give it."""

import re
import time
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tasks.extensions import db
from tasks.models import Operator

PAGE = {"Accept": "text/html"}


class Browser:
    """One person's browser, signed in as an operator of `role`, or as nobody."""

    def __init__(self, app: Flask, role: str | None) -> None:
        self.client = app.test_client()
        self.email = f"{role}@example.org"
        self._known: tuple[str | None, str] = (None, "")  # a session's secret and a token of it: a page for each form is dear
        if role is not None:
            self._sign_in(app, role)

    def _sign_in(self, app: Flask, role: str) -> None:
        # The session is made as auth.sign_in makes it: the password's hash costs more than all the rest of a test.
        row = db.session.query(Operator).filter_by(email=self.email).one_or_none() or Operator(
            email=self.email, name=role.title(), password_hash="x", role=role, timezone="Asia/Kathmandu"
        )
        db.session.add(row)
        db.session.commit()
        identity = f"{row.id}:{row.session_epoch}"
        with self.client.session_transaction() as session:
            now = int(time.time())
            session.update({"_user_id": identity, "_fresh": True, "since": now, "seen": now})

    def get(self, path: str, **query: Any) -> TestResponse:
        """The page at `path`."""
        return self.client.get(path, query_string=query or None, headers=PAGE)

    def post(self, path: str, data: dict[str, Any] | None = None, *, token: str | None = "", **options: Any) -> TestResponse:
        """Send a form; with the token of this browser's session, or with another one, or (None) without."""
        fields = dict(data or {})
        if token is not None:
            fields["csrf_token"] = token or self.token()
        return self.client.post(path, data=fields, headers=PAGE, **options)

    def token(self) -> str:
        """The CSRF token that pages carry for this session."""
        secret = self._secret()
        if secret is None or secret != self._known[0]:
            page = self.get("/admin/profile/").text
            if 'name="csrf_token"' not in page:
                page = self.get("/login/").text
            self._known = self._secret(), str(re.findall(r'name="csrf_token" value="([^"]+)"', page)[0])
        return self._known[1]

    def _secret(self) -> str | None:
        """What the session's tokens are made of; None before the first."""
        with self.client.session_transaction() as session:
            found: str | None = session.get("csrf_token")
        return found


def words(page: str) -> str:
    """A page's text as a reader sees it: no tags, no scripts, one blank between words."""
    body = re.sub(r"<(script|style|head|datalist)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def value_of(page: str, name: str) -> str:
    """What stands in the field of a form."""
    area = re.search(rf'<textarea[^>]*name="{name}"[^>]*>(.*?)</textarea>', page, flags=re.S)
    if area:
        return unescape(area[1]).strip("\r\n")
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert tag, f"the page has no field {name}"
    found = re.search(r'value="([^"]*)"', tag[0])
    return unescape(found[1]) if found else ""


def error_of(page: str, name: str) -> str:
    """What is said to be wrong with the field of a form."""
    found = re.search(rf'id="(?:{name}-error(?:-1)?|error-{name})">(.*?)</div>', page, flags=re.S)
    return words(found[1]) if found else ""


