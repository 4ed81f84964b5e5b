"""Pages of other origins: what a browser may do there with a person's own token, and the files of the inbox widget.

Only the origins of CARILLON_ALLOWED_ORIGINS, which may open a socket too; never `*`, never with cookies.
"""

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

from tasks.config import Settings
from tasks.live.origins import origin_check

INBOX = "/inbox/"
WIDGET = frozenset({"/static/inbox.js", "/static/inbox-client.js", "/static/vendor/socket.io.min.js"})
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}
READABLE = "Retry-After, X-Request-Id, RateLimit, RateLimit-Policy"


def init_cors(app: Flask, config: Settings) -> None:
    """Answer the browser's questions for listed origins. Call it before `auth.init_auth`: a preflight carries no token."""
    check = origin_check(config)

    def listed() -> bool:
        origin = request.headers.get("Origin", "")
        return bool(origin) and check(origin, request.environ)

    def preflight() -> ResponseReturnValue | None:
        if request.method != "OPTIONS" or not request.path.startswith(INBOX) or not listed():
            return None
        return "", 204, PREFLIGHT

    def allow(answer: Response) -> Response:
        if not request.path.startswith(INBOX) and request.path not in WIDGET:
            return answer
        answer.vary.add("Origin")
        if listed():
            answer.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            answer.headers["Access-Control-Expose-Headers"] = READABLE
        if request.path in WIDGET:
            answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer

    app.before_request(preflight)
    app.after_request(allow)
