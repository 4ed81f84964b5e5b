"""What holds for every answer and every request: headers, cookies, sizes, and what a proxy may say."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard import auth
from tasks.config import Settings

LARGEST_BODY = 1024 * 1024  # bytes
LARGEST_FORM_FIELD = 512 * 1024  # an operator's e-mail template in a form

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: the CSRF check under https reads it
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Styles are this site's files and what carries the nonce (the template editor's); the API's documentation writes its own.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'{styles}; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self' {sockets}; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
OTHER_POLICY = "default-src 'none'; frame-ancestors 'none'"


def init_security(app: Flask, config: Settings) -> None:
    """Set cookie flags and size limits, and put the security headers on every answer."""
    https = urlsplit(config.base_url).scheme == "https"
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM_FIELD,
        SESSION_COOKIE_NAME="__Host-carillon" if https else "carillon",  # __Host-: only https, only this host
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PREFERRED_URL_SCHEME="https" if https else "http",
    )
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(_add_headers)
    if https:
        app.after_request(_insist_on_https)


def trust_proxies(app: Flask, config: Settings) -> None:
    """Believe the X-Forwarded-* headers of the proxies in front. Call it last: it stands outside the sockets."""
    if config.trust_proxy:
        hops = config.trust_proxy
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=hops)  # type: ignore[method-assign]


def csp_nonce() -> str:
    """This request's nonce: a <script> without it does not run. Templates call it as csp_nonce()."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _add_headers(answer: Response) -> Response:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Content-Security-Policy", _policy(answer))
    if request.endpoint not in auth.STATIC:
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _policy(answer: Response) -> str:
    if answer.mimetype != "text/html":
        return OTHER_POLICY
    sockets = f"{'wss' if request.is_secure else 'ws'}://{request.host}"  # to older browsers not 'self'
    styles = " 'unsafe-inline'" if request.path.startswith("/docs/") else f" 'nonce-{csp_nonce()}'"
    return PAGE_POLICY.format(nonce=csp_nonce(), sockets=sockets, styles=styles)


def _insist_on_https(answer: Response) -> Response:
    answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return answer
